import { execFileSync } from 'node:child_process'
import { setMaxListeners } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkGrader } from '../../../../src/runtime/openai-graders/check-grader.ts'
import { graderErrors } from '../../../../src/runtime/openai-graders/grader-errors.ts'
import { runGrader } from '../../../../src/runtime/openai-graders/run-grader.ts'
import {
  createPythonRunner,
  findInterpreter,
  type PythonSettings,
} from '../../../../src/runtime/python/python-runner.ts'
import { descendants, isAlive } from '../../../support/python/processes.ts'

const interpreter = await findInterpreter()
const never = new AbortController().signal
setMaxListeners(0, never)
const runner = createPythonRunner()
const subject = { sample: { output_text: 'four' }, item: { answer: 4, note: 'keep this to yourself' } }

/** Runs it as `graders/run` does. */
async function graded(source: string, settings?: PythonSettings, of: { sample: unknown; item: unknown } = subject) {
  const checked = checkGrader({ type: 'python', source })
  if (!checked.ok) throw new Error(checked.message)
  const python = settings === undefined ? runner : createPythonRunner(settings)
  return runGrader(checked.grader, of, { similarity: () => undefined, python }, never)
}

const returning = (expression: string) => `def grade(sample, item):\n    return ${expression}`
const doing = (...lines: string[]) => ['def grade(sample, item):', ...lines.map((line) => `    ${line}`)].join('\n')
const serverError = (type: string) =>
  graderErrors({ python_grader_server_error: true, python_grader_server_error_type: type })
const runtimeError = (details: unknown) => ({
  score: null,
  errors: {
    ...graderErrors({ python_grader_runtime_error: true }),
    python_grader_runtime_error_details: details,
  },
})
const saying = (text: string) => runtimeError(expect.stringContaining(text))

describe('a Python grader, with or without Python', () => {
  it('reports that Python is missing', async () => {
    for (const command of ['python3-that-is-not-there', '/nowhere/python3']) {
      const { score, errors, reason } = await graded(returning('1'), { command })
      expect({ score, errors, reason }).toEqual({
        score: null,
        errors: serverError('NotFound'),
        reason: `${command} is not installed`,
      })
    }
  })

  it('reports that the command is not Python', async () => {
    const { score, errors } = await graded(returning('1'), { command: process.execPath })
    expect({ score, errors }).toEqual({ score: null, errors: serverError('CannotStart') })
  })

  it('accepts a source of at most 256,000 bytes', async () => {
    const python = { type: 'python', source: 'é'.repeat(128_001) } as const
    expect(await runner(python, subject, never)).toMatchObject({
      ok: false,
      errors: { python_grader_server_error: true, python_grader_server_error_type: 'SourceTooLong' },
      reason: 'the source has 256002 bytes, the limit is 256000',
    })
  })

  it('reports that an item is nested too deeply', async () => {
    let deep: unknown[] = []
    for (let depth = 0; depth < 200_000; depth += 1) deep = [deep]
    const { errors } = await graded(returning('1'), undefined, { sample: {}, item: { deep } })
    expect(errors).toEqual(serverError('InputUnreadable'))
  })

  it('does not start if the signal has aborted', async () => {
    const reason = new Error('gone')
    await expect(runner({ type: 'python', source: returning('1') }, subject, AbortSignal.abort(reason))).rejects.toBe(
      reason,
    )
  })
})

it('runs with the Python of this machine, or reports that there is none', async () => {
  const { score, errors } = await graded(returning('0.25'))
  if (interpreter.found) expect({ score, errors }).toEqual({ score: 0.25, errors: graderErrors() })
  else expect({ score, errors }).toEqual({ score: null, errors: graderErrors(interpreter.errors) })
})

describe.runIf(interpreter.found)('a Python grader', () => {
  it.each([
    ['0.5', 0.5],
    ['1', 1],
    ['-3', -3],
    ['True', 1],
    ['False', 0],
    ['10**300', 1e300],
    ['1e-320', 1e-320],
    ['0.1 + 0.2', 0.1 + 0.2],
    ['__import__("decimal").Decimal("0.75")', 0.75],
    ['__import__("fractions").Fraction(1, 4)', 0.25],
  ])('returns %s', async (expression, score) => {
    expect(await graded(returning(expression))).toMatchObject({ score, errors: graderErrors() })
  })

  it('receives the sample and the item as dicts, with all types of JSON', async () => {
    const item = { text: 'ñ \u{1F600} \ud800', list: [1, 2.5, null, true], nested: { a: { b: 'c' } } }
    const sample = { output_text: '{"x": [7]}' }
    const source = doing(
      'assert type(sample) is dict and type(item) is dict',
      "assert item['text'] == 'ñ \\U0001F600 \\ud800', ascii(item['text'])",
      "assert item['list'] == [1, 2.5, None, True] and item['nested']['a']['b'] == 'c'",
      "return sample['output_json']['x'][0]",
    )
    expect(await graded(source, undefined, { sample, item })).toMatchObject({ score: 7 })
    expect(await graded(returning('float(item == {})'), undefined, { sample, item: undefined })).toMatchObject({
      score: 1,
    })
  })

  it('is a module, not a program', async () => {
    const source = [
      'from __future__ import annotations',
      'from dataclasses import dataclass',
      '@dataclass',
      'class Score:',
      '    value: float',
      returning('Score(0.5).value'),
      'if __name__ == "__main__":',
      '    raise SystemExit',
    ].join('\n')
    expect(await graded(source)).toMatchObject({ score: 0.5 })
  })

  it.each([
    [
      'every line is indented',
      '\n    import math\n\n    def grade(sample, item):\n        return math.floor(1.5)\n    ',
    ],
    ['every line is indented by tabs', '\timport math\n\tdef grade(sample, item):\n\t\treturn math.floor(1.5)\n'],
    [
      'all lines but the first are',
      'import math\n\n    def grade(sample, item):\n        return math.floor(1.5)\n    ',
    ],
    [
      'comments are further left',
      '    import math\n# note\n    def grade(sample, item):\n        return math.floor(1.5)',
    ],
  ])('runs although %s', async (_how, source) => {
    expect(await graded(source)).toMatchObject({ score: 1, errors: graderErrors() })
  })

  it('keeps the texts in a source that is not indented', async () => {
    const source = 'lines = """\n    a\n   \n"""\ndef grade(sample, item):\n    return len(lines)'
    expect(await graded(source)).toMatchObject({ score: 11 })
  })

  it('keeps a text at the margin of an indented source, and dedents one that is indented with it', async () => {
    const ends = '    def grade(sample, item):\n        return TEXT == "a\\n  b\\n"\n'
    const atMargin = `    import math\n    TEXT = """a\n  b\n"""\n${ends}`
    const withCode = `    import math\n    TEXT = """\\\n    a\n      b\n    """\n${ends}`
    for (const source of [atMargin, withCode, atMargin.trimStart()]) {
      expect(await graded(source), source).toMatchObject({ score: 1, errors: graderErrors() })
    }
  })

  it('shows the lines of an indented source as they ran', async () => {
    const indented = '\n    def grade(sample, item):\n        return 1 / 0\n'
    expect(await graded(indented)).toMatchObject(saying('File "grader.py", line 3, in grade\n    return 1 / 0'))
    const wrong = 'def grade(sample, item):\n    x = 1\n      y = 2\n    return 1'
    expect(await graded(wrong)).toMatchObject(saying('IndentationError: unexpected indent'))
  })

  it('can print anything', async () => {
    const source = doing('print("0.1", item, "\\ud800")', 'print("0.2", file=__import__("sys").stderr)', 'return 0.5')
    expect(await graded(source)).toMatchObject({ score: 0.5, reason: 'the Python code scored it' })
  })

  it('works in a multi grader with other graders', async () => {
    const checked = checkGrader({
      type: 'multi',
      graders: {
        half: { type: 'python', source: returning('0.5') },
        same: { type: 'string_check', operation: 'eq', input: '{{sample.output_text}}', reference: 'four' },
        failing: { type: 'python', source: returning('1 / 0') },
      },
      calculate_output: 'half + same',
    })
    if (!checked.ok) throw new Error(checked.message)
    const { score, subScores, errors } = await runGrader(
      checked.grader,
      subject,
      { similarity: () => undefined, python: runner },
      never,
    )
    expect({ score, subScores }).toEqual({ score: 1.5, subScores: { half: 0.5, same: 1, failing: null } })
    expect(errors.python_grader_runtime_error).toBe(true)
  })

  it.each([
    ['an error, with its line', doing('x = 0', 'return 1 / x'), 'File "grader.py", line 3, in grade'],
    ['an error, with its message', doing('return 1 / 0'), 'ZeroDivisionError: division by zero'],
    ['an error while it is loaded', 'import no_such_module', "No module named 'no_such_module'"],
    ['a syntax error', 'def grade(sample, item)\n    return 1', 'File "grader.py", line 1'],
    [
      'no function grade',
      'def score(sample, item):\n    return 1',
      'the source defines no function grade(sample, item)',
    ],
    ['a grade that is not a function', 'grade = 1', 'the source defines no function grade(sample, item)'],
    ['too few parameters', 'def grade(sample):\n    return 1', 'takes 1 positional argument'],
    ['endless recursion', doing('return grade(sample, item)'), 'RecursionError'],
    ['a text', returning('"0.5"'), 'grade returned str, which is not a number'],
    ['bytes', returning('b"1"'), 'grade returned bytes, which is not a number'],
    ['None', returning('None'), 'grade returned NoneType, which is not a number'],
    ['a list', returning('[1.0]'), 'grade returned list, which is not a number'],
    ['a complex number', returning('1j'), 'grade returned complex, which is not a number'],
    ['a coroutine', 'async def grade(sample, item):\n    return 1', 'grade returned coroutine, which is not a number'],
    ['NaN', returning('float("nan")'), 'grade returned nan, which is not a finite number'],
    ['infinity', returning('float("-inf")'), 'grade returned -inf, which is not a finite number'],
    ['a number too large', returning('10**400'), 'OverflowError'],
    ['sys.exit', doing('import sys', 'sys.exit(0)'), 'SystemExit: 0'],
    ['KeyboardInterrupt', doing('raise KeyboardInterrupt'), 'KeyboardInterrupt'],
    ['an exception that cannot be shown', `class E(Exception):\n    __module__ = property(1)\n${doing('raise E')}`, ''],
  ])('that ends with %s is flagged as failed', async (_what, source, message) => {
    expect(await graded(source)).toMatchObject(saying(message))
  })

  it('reports nothing of the item and the sample, and at most 2,000 characters', async () => {
    const { errors, reason } = await graded(doing("raise ValueError(item['note'] + ' | ' + sample['output_text'])"))
    const details = errors.python_grader_runtime_error_details
    expect(details).toContain('ValueError: […] | […]')
    expect(details + reason).not.toMatch(/yourself|four/)
    const long = await graded(doing("raise ValueError('x' * 1_000_000)"))
    expect(long.errors.python_grader_runtime_error_details?.length).toBeLessThanOrEqual(2_000)
    const winding = await graded(
      doing(...Array.from({ length: 90 }, (_, i) => `def f${i}(): ${i ? `f${i - 1}()` : '1/0'}`), 'f89()'),
    )
    expect(winding.errors.python_grader_runtime_error_details?.length).toBeLessThanOrEqual(2_000)
    expect(winding.errors.python_grader_runtime_error_details).toMatch(/line 2, in f0[\s\S]*ZeroDivisionError/)
    expect(long.errors.python_grader_runtime_error_details).toContain('line 2, in grade')
  })

  it('that does not end is killed, with all its processes', async () => {
    const before = new Set(descendants())
    const stubborn = doing('import signal', 'signal.signal(signal.SIGTERM, signal.SIG_IGN)', 'while True: pass')
    const running = graded(stubborn, { seconds: 2 })
    const seen = new Set<number>()
    await expect
      .poll(() => {
        for (const pid of descendants()) if (!before.has(pid)) seen.add(pid)
        return seen.size
      })
      .toBeGreaterThan(0)
    expect(await running).toMatchObject({
      score: null,
      errors: serverError('TimeoutError'),
      reason: 'the Python code took longer than 2 s',
    })
    await expect.poll(() => [...seen].filter(isAlive)).toEqual([])
  })

  it('is killed when the signal aborts, running or waiting', async () => {
    const one = createPythonRunner({ concurrency: 1 })
    const [first, second] = [new AbortController(), new AbortController()]
    const endless = { type: 'python', source: doing('while True: pass') } as const
    const running = expect(one(endless, subject, first.signal)).rejects.toThrow('first')
    const waiting = expect(one(endless, subject, second.signal)).rejects.toThrow('second')
    const last = one({ type: 'python', source: returning('1') }, subject, never)
    second.abort(new Error('second'))
    await waiting
    await expect.poll(descendants).not.toEqual([])
    first.abort(new Error('first'))
    await running
    expect(await last).toMatchObject({ ok: true, score: 1 })
    await expect.poll(descendants).toEqual([])
  })

  it.each([
    ['os._exit', doing('import os', 'os._exit(0)')],
    ['os._exit with a code', doing('import os', 'os._exit(7)')],
    ['os.abort', doing('import os', 'os.abort()')],
  ])('that exits with %s is flagged as crashed', async (_how, source) => {
    const { score, errors } = await graded(source)
    expect({ score, errors }).toEqual({ score: null, errors: serverError('Crashed') })
  })

  it('cannot turn NaN into a score by replacing functions', async () => {
    const source = [
      'import builtins, json, math, os, sys, traceback',
      'math.isfinite = lambda x: True',
      'builtins.float = builtins.str = builtins.isinstance = builtins.type = lambda *a: True',
      'json.dumps = json.JSONEncoder.encode = json.JSONEncoder.iterencode = lambda *a: "{\\"score\\": 1}"',
      'os.write = os._exit = traceback.format_exception_only = lambda *a: 0',
      'nan = 1e999 - 1e999',
      returning('nan'),
    ].join('\n')
    expect(await graded(source)).toMatchObject({ score: null, errors: { python_grader_runtime_error: true } })
  })

  it('that writes to every file descriptor achieves no more than by returning', async () => {
    const flooding = [
      'import os',
      'for channel in range(300):',
      '    try:',
      '        os.write(channel, b\'{"score": 1}\\n\')',
      '    except OSError:',
      '        pass',
    ].join('\n')
    const unreadable = await graded(`${flooding}\n${returning('0.5')}`)
    expect(unreadable).toMatchObject({ score: null, errors: serverError('ResultUnreadable') })
    expect(await graded(`${flooding}\nos._exit(0)`)).toMatchObject({ score: 1, errors: graderErrors() })
    const infinite = flooding.replace('"score": 1', '"score": 1e999')
    expect(await graded(`${infinite}\nos._exit(0)`)).toMatchObject({ errors: serverError('ResultUnreadable') })
  })

  it('waits for its turn: of twenty gradings at most the limit run at once', async () => {
    const three = createPythonRunner({ concurrency: 3 })
    const source = doing(
      'import time',
      'start = time.monotonic()',
      'time.sleep(0.2)',
      'raise Exception(f"from {start} to {time.monotonic()} end")',
    )
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => three({ type: 'python', source }, { sample: {}, item: {} }, never)),
    )
    const spans = answers.map((answer) => {
      const details = answer.ok ? '' : answer.errors.python_grader_runtime_error_details
      const [, from, to] = /from ([\d.]+) to ([\d.]+) end/.exec(details ?? '') ?? []
      return { from: Number(from), to: Number(to) }
    })
    const atOnce = spans.map(({ from }) => spans.filter((one) => one.from <= from && from < one.to).length)
    expect(Math.max(...atOnce)).toBeLessThanOrEqual(3)
    expect(Math.max(...atOnce)).toBeGreaterThan(1)
    expect(Math.min(...atOnce)).toBeGreaterThan(0)
  })

  it('does not wait for others that sleep', async () => {
    const shared = createPythonRunner()
    const stop = new AbortController()
    const before = new Set(descendants())
    const source = doing('import time', 'time.sleep(600)')
    const sleeping = [1, 2, 3].map(() => shared({ type: 'python', source }, subject, stop.signal))
    const stopped = sleeping.map((one) => expect(one).rejects.toThrow('enough'))
    await expect.poll(() => descendants().filter((pid) => !before.has(pid)).length).toBeGreaterThanOrEqual(3)
    expect(await shared({ type: 'python', source: returning('0.5') }, subject, never)).toMatchObject({ score: 0.5 })
    stop.abort(new Error('enough'))
    await Promise.all(stopped)
  })

  it('imports the packages of the configured interpreter', async () => {
    const home = mkdtempSync(join(tmpdir(), 'venv-'))
    const python = interpreter.found ? interpreter.command : ''
    const showVersion = 'import sys; print("%d.%d" % sys.version_info[:2])'
    const version = execFileSync(python, ['-I', '-c', showVersion]).toString().trim()
    const packages = join(home, 'lib', `python${version}`, 'site-packages', 'own')
    mkdirSync(packages, { recursive: true })
    mkdirSync(join(home, 'bin'))
    symlinkSync(python, join(home, 'bin', 'python3'))
    writeFileSync(join(home, 'pyvenv.cfg'), `home = ${dirname(python)}\n`)
    // What numpy, pandas and asyncio do when they are imported: ctypes, data files, replaced code, a Unix socket pair.
    writeFileSync(join(packages, 'data.txt'), '0.75')
    writeFileSync(
      join(packages, '__init__.py'),
      [
        'import ctypes, os, socket',
        'def public(): return 1',
        'public.__code__ = (lambda: 2).__code__',
        'pair = socket.socketpair()',
        'with open(os.path.join(os.path.dirname(__file__), "data.txt")) as file: value = float(file.read())',
      ].join('\n'),
    )
    chmodSync(home, 0o755)
    const settings = { command: join(home, 'bin', 'python3') }
    expect(await graded(`import own\n${returning('own.value * own.public()')}`, settings)).toMatchObject({ score: 1.5 })
    rmSync(home, { recursive: true })
  })

  it('leaves no folder behind', async () => {
    const before = process.env['TMPDIR']
    const own = mkdtempSync(join(tmpdir(), 'folders-of-gradings-'))
    process.env['TMPDIR'] = own
    await graded(returning('1'))
    const running = graded(doing('while True: pass'), { seconds: 2 })
    await expect.poll(() => readdirSync(own)).toEqual([expect.stringMatching(/^python-grader-/)])
    await running
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
    expect(readdirSync(own)).toEqual([])
    rmSync(own, { recursive: true })
  })
})
