import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stripPython } from '../../../../src/kit/scoring/python-code.ts'
import { runs } from '../../../support/runs.ts'

const codeOf = (text: string) => {
  const read = stripPython(text)
  return read.ok ? read.code : read.reason
}

describe('Python code without comments and strings', () => {
  it.each([
    ['x = f(1)  # reference', 'x = f(1)  '],
    ['"""reference\n# no comment"""\nrun()', "''\nrun()"],
    ["a = 'it\\'s' + r'\\\\' + \"#\" + exec", "a = '' + '' + '' + exec"],
    ["a = '#'; b = \"'\"", "a = ''; b = ''"],
    ["a = '''x'y''z''' + b", "a = '' + b"],
    ["a = '' + b", "a = '' + b"],
    ["a = 'x\\\ny' + b", "a = '' + b"],
    ["rb'x' + Rb'x' + u'x' + bar", "'' + '' + '' + bar"],
    ["if x in'ab': pass", "if x in'': pass"],
    ["f'{exec(x)}'", "'{exec(x)}'"],
    ["f'{{' + 'x'", "'{{' + ''"],
    ['ｅｘｅｃ(x)', 'exec(x)'],
    ['# a\r# b\rrun()', '\r\rrun()'],
  ])('%j is %j', (text, code) => expect(codeOf(text)).toBe(code))

  it.each([
    ["a = 'x", 'an unclosed string'],
    ["a = 'x\ny'", 'an unclosed string'],
    ["a = '''x''", 'an unclosed string'],
    [`f'{"'"}'; exec(x) #"`, 'a quote within'],
  ])('%j cannot be read: %s', (text, reason) => expect(codeOf(text)).toContain(reason))

  it('keeps the text of strings on request, but no comments', () =>
    expect(stripPython("a = '# b'  # c", { keepStrings: true })).toEqual({ ok: true, code: "a = '# b'  " }))

  it('agrees with Python on where strings and comments end', () => {
    const piece = fc.constantFrom("'", '"', "'''", '"""', '#', '\\', '\n', 'r', 'x ', ' + ', 'f', '{', '}', 'b')
    const texts = fc.sample(
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
      {
        numRuns: runs(3000),
        seed: 7,
      },
    )
    const names = pythonNames(texts)
    expect(names.filter((each) => each !== null).length).toBeGreaterThan(100)
    for (const [at, wanted] of names.entries()) {
      const read = stripPython(texts[at] ?? '')
      if (wanted === null || !read.ok) continue
      const found = new Set(read.code.match(/[a-z]+/gu))
      expect([texts[at], wanted.filter((name) => !found.has(name))]).toEqual([texts[at], []])
    }
  })

  it('never throws', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => void stripPython(text)),
      { numRuns: runs(50) },
    ))
})

/** The names that Python itself sees in texts, null for those that are not valid Python. */
function pythonNames(texts: readonly string[]): (string[] | null)[] {
  const program = `
import ast, io, json, sys, tokenize, warnings
warnings.simplefilter('ignore')
def names(text):
  try:
    return [n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)]
  except Exception:
    return None
print(json.dumps([names(text) for text in json.load(sys.stdin)]))`
  const ran = spawnSync('python3', ['-c', program], { input: JSON.stringify(texts), encoding: 'utf8' })
  if (ran.status !== 0) throw new Error(`python3 did not run: ${ran.stderr}`)
  const parsed: unknown = JSON.parse(ran.stdout)
  if (!Array.isArray(parsed)) throw new Error('python3 gave no list')
  return parsed.map((each) => (Array.isArray(each) ? each.map(String) : null))
}
