import { chmodSync, existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { confinements, environment } from '../../../../src/runtime/python/interpreter.ts'
import {
  createPythonRunner,
  findInterpreter,
  type Interpreter,
  type PythonSettings,
} from '../../../../src/runtime/python/python-runner.ts'

const onLinux = process.platform === 'linux'
const asRoot = process.getuid?.() === 0
const interpreter = await findInterpreter()
const weakest = confinements(asRoot).slice(-1)
const doing = (...lines: string[]) => ['def grade(sample, item):', ...lines.map((line) => `    ${line}`)].join('\n')

async function run(source: string, settings: PythonSettings = {}, item: unknown = {}) {
  const { signal } = new AbortController()
  return createPythonRunner(settings)({ type: 'python', source }, { sample: {}, item }, signal)
}
/** The score of the code, or the details of its error. */
async function outcomeOf(lines: readonly string[], settings: PythonSettings = {}, item: unknown = {}): Promise<string> {
  const answer = await run(doing(...lines), settings, item)
  return answer.ok ? `scored ${answer.score}` : (answer.errors.python_grader_runtime_error_details ?? answer.reason)
}
const serverError = (type: string) => ({
  ok: false,
  errors: { python_grader_server_error: true, python_grader_server_error_type: type },
})

it('is tried from the strongest way to the weakest, never as root', () => {
  expect(confinements(true).map(({ isolation }) => isolation)).toEqual([
    'bubblewrap',
    'bubblewrap',
    'namespaces',
    'namespaces',
    'namespaces',
    'no new privileges',
    'limits alone',
  ])
  for (const { identity, before } of confinements(true)) {
    expect(identity?.uid ?? before.find((word) => word.startsWith('--reuid='))).toBeTruthy()
  }
  expect(confinements(false).every(({ identity }) => identity === undefined)).toBe(true)
})

it('does not run if none of the allowed ways works', async () => {
  expect(await run('def grade(sample, item): return 1', { confinements: [] })).toMatchObject({ ok: false })
  const impossible = { isolation: 'namespaces', before: ['/nowhere/unshare'], identity: undefined } as const
  const answer = await run('def grade(sample, item): return 1', { confinements: [impossible] })
  expect(answer).toMatchObject(serverError(interpreter.found ? 'CannotStart' : 'NotFound'))
})

const ways: [string, PythonSettings][] = [
  ['the strongest way that this machine has', {}],
  ['the weakest way', { confinements: weakest }],
  ['the weakest way, on a kernel without Landlock', { confinements: weakest, landlock: false }],
]
describe.runIf(interpreter.found).each(ways)('the code of a Python grader, started %s', (_way, settings) => {
  it('reaches nothing through a socket', async () => {
    const reached: string[] = []
    const server = createServer((socket) => socket.end(String(reached.push('connected'))))
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
    for (const lines of [
      ['import socket', `return socket.create_connection(("127.0.0.1", ${port})).fileno()`],
      ['import _socket', 'return _socket.socket(2, 1).fileno()'],
      ['import socket', 'return socket.socket(socket.AF_UNIX).connect("/run/docker.sock")'],
      ['import socket', 'return socket.socket(socket.AF_UNIX).bind("/tmp/of-a-grader.sock")'],
      ['import urllib.request', `return urllib.request.urlopen("http://127.0.0.1:${port}").status`],
      ['import socket', 'return len(socket.gethostbyname("localhost"))'],
    ]) {
      expect(await outcomeOf(lines, settings)).toMatch(/a grader may not/)
    }
    expect(reached).toEqual([])
    await new Promise((resolve) => server.close(resolve))
  })

  it.each([
    ['import subprocess', 'return subprocess.run(["true"]).returncode'],
    ['import os', 'return os.system("true")'],
    ['import os', 'return os.fork()'],
    ['import os', 'os.execv("/bin/true", ["true"])'],
    ['import os', 'return os.posix_spawn("/bin/true", ["true"], {})'],
    ['import os', 'os.kill(1, 9)'],
    ['import multiprocessing', 'multiprocessing.get_context("fork").Process(target=print).start()'],
    ['import ctypes', 'return ctypes.CDLL(None).getpid()'],
    ['import ctypes', 'return ctypes.pythonapi.Py_IsInitialized()'],
    ['import resource', 'resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))'],
    ['import gc', 'return len(gc.get_objects())'],
    ['import sqlite3', 'sqlite3.connect("/tmp/a.sqlite")'],
    ['import sqlite3', 'sqlite3.connect("file:/tmp/a.sqlite", uri=True)'],
  ])('is refused: %s; %s', async (...lines) => {
    expect(await outcomeOf(lines, settings)).toMatch(/PermissionError: a grader may not/)
  })

  it('writes no file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'guarded-'))
    const file = join(folder, 'kept.txt')
    writeFileSync(file, 'kept', { mode: 0o666 })
    for (const lines of [
      [`open("${folder}/new.txt", "w").write("x")`],
      [`open("${file}", "a").write("x")`],
      ['open("here.txt", "w").write("x")'],
      ['import os', `os.open("${file}", os.O_RDWR)`],
      ['import os', `os.remove("${file}")`],
      ['import os', `os.mkdir("${folder}/new")`],
      ['import pathlib', `pathlib.Path("${file}").rename("${folder}/gone.txt")`],
      ['import shutil', `shutil.rmtree("${folder}")`],
      ['import tempfile', 'tempfile.TemporaryFile(dir="/tmp")'],
    ]) {
      expect(await outcomeOf(lines, settings)).toMatch(/PermissionError: a grader may not/)
    }
    expect(existsSync(file)).toBe(true)
    rmSync(folder, { recursive: true })
  })

  it.each([
    ['mkfifo', ['import os', 'os.mkfifo(PATH)']],
    ['mknod', ['import os', 'os.mknod(PATH)']],
    ['mkfifo of posix', ['import posix', 'posix.mkfifo(PATH)']],
    [
      'ATTACH of SQLite',
      ['import sqlite3', 'c = sqlite3.connect(":memory:")', 'c.execute("ATTACH ? AS a", (PATH,))', 'return 1'],
    ],
    [
      'VACUUM INTO of SQLite',
      [
        'import sqlite3',
        'c = sqlite3.connect(":memory:")',
        'c.execute("CREATE TABLE t (x)")',
        'c.execute("VACUUM INTO ?", (PATH,))',
        'return 1',
      ],
    ],
    ['shared memory', ['from multiprocessing import shared_memory', 'shared_memory.SharedMemory("left", True, 8)']],
    ['dbm.gnu', ['import dbm.gnu', 'dbm.gnu.open(PATH, "c")']],
  ])('leaves no file by %s', async (_what, lines) => {
    const folder = mkdtempSync(join(tmpdir(), 'guarded-'))
    chmodSync(folder, 0o777)
    const path = JSON.stringify(join(folder, 'left'))
    // Whatever the error is, the folder must stay empty.
    const outcome = await outcomeOf(
      lines.map((line) => line.replaceAll('PATH', path)),
      settings,
    )
    expect(outcome).not.toMatch(/^scored/)
    expect(readdirSync(folder)).toEqual([])
    expect(existsSync('/dev/shm/left')).toBe(false)
    rmSync(folder, { recursive: true })
  })

  it('starts no second interpreter, which would have no hook', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'guarded-'))
    chmodSync(folder, 0o777)
    const making = JSON.stringify(`import os; os.mkdir("${folder}/made")`)
    const outcome = await outcomeOf(
      [
        'import importlib',
        'for name in ("_xxsubinterpreters", "_interpreters", "concurrent.interpreters"):',
        '    try:',
        '        module = importlib.import_module(name)',
        '    except ImportError:',
        '        continue',
        `    module.run_string(module.create(), ${making})`,
        '    return 1',
        'return 0',
      ],
      settings,
    )
    expect(outcome).toBe('scored 0')
    expect(readdirSync(folder)).toEqual([])
    rmSync(folder, { recursive: true })
  })

  it('can replace the code of its own functions, as numpy and asyncio do', async () => {
    const lines = ['def one(): return 1', 'def two(): return 2', 'one.__code__ = two.__code__', 'return one()']
    expect(await outcomeOf(lines, settings)).toBe('scored 2')
  })

  it('cannot replace the code of the functions that guard it', async () => {
    const lines = [
      'try:',
      '    open("/etc/passwd")',
      'except PermissionError as error:',
      '    at = error.__traceback__',
      '    while at.tb_next: at = at.tb_next',
      '    guard = at.tb_frame.f_locals',
      'def anything(path): return True',
      'for name in ("readable", "hook"): guard[name].__code__ = anything.__code__',
    ]
    expect(await outcomeOf(lines, settings)).toMatch(/PermissionError: a grader may not replace the code/)
  })

  it('runs asyncio', async () => {
    const lines = [
      'import asyncio',
      'async def half(value):',
      '    await asyncio.sleep(0.001)',
      '    return value / 2',
      'async def both(): return await asyncio.gather(half(1), half(2))',
      'return sum(asyncio.run(both()))',
    ]
    expect(await outcomeOf(lines, settings)).toBe('scored 1.5')
  })

  it.each([
    ['numpy', 'float(numpy.linalg.norm(numpy.array([3.0, 4.0])) / 5)'],
    ['pandas', 'float(pandas.DataFrame({"a": [0.25, 0.75]}).a.sum())'],
    ['scipy.stats', 'float(scipy.stats.spearmanr([1, 2, 3], [1, 2, 3])[0])'],
    ['rapidfuzz', 'rapidfuzz.fuzz.ratio("a", "a") / 100'],
  ])('uses %s if it is installed', async (name, expression) => {
    const root = name.split('.')[0]
    const outcome = await outcomeOf([`import ${name}`, `return ${expression}`], settings)
    if (outcome.includes(`No module named '${root}'`)) return
    expect(outcome).toMatch(/^scored (1|0\.9{6}\d*)$/)
  })

  it('reads only Python’s own files', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'guarded-'))
    writeFileSync(join(folder, '.env'), 'SECRET=hunter2', { mode: 0o644 })
    for (const path of [`${folder}/.env`, '/etc/passwd', '/usr/share/../../etc/passwd', 'grader.py']) {
      expect(await outcomeOf([`raise Exception(open("${path}").read())`], settings)).toMatch(
        /may not read files outside/,
      )
    }
    rmSync(folder, { recursive: true })
    expect(await outcomeOf(['import os', `return len(os.listdir("/etc"))`], settings)).toMatch(/may not list folders/)
    const ofPython = [
      'import json, inspect',
      'return len(inspect.getsource(json)) > 100 and open("/dev/urandom").fileno() > 0',
    ]
    expect(await outcomeOf(ofPython, settings)).toBe('scored 1')
  })

  it('finds nothing of the server’s environment', async () => {
    process.env['SECRET_OF_THE_SERVER'] = 'hunter2'
    const names = await outcomeOf(['import os', 'raise Exception(" ".join(sorted(os.environ)))'], settings)
    expect(names.split('Exception: ')[1]?.split(' ')).toEqual(Object.keys(environment).sort())
    for (const pid of ['self', '1', String(process.pid)]) {
      const lines = [`raise Exception(open("/proc/${pid}/environ", "rb").read())`]
      expect(await outcomeOf(lines, settings)).toMatch(/may not read files outside/)
    }
    delete process.env['SECRET_OF_THE_SERVER']
  })

  it('is not root', async () => {
    expect(await outcomeOf(['import os', 'return os.getuid() == 0 or os.geteuid() == 0'], settings)).toBe('scored 0')
  })

  it.each(['print("x" * 1000)', 'print("x" * 1000, file=sys.stderr)', 'sys.stdout.write("x" * 100_000_000)'])(
    'is killed if it writes without end: %s',
    async (line) => {
      const flood = `import sys\n${doing(`while True: ${line}`)}`
      expect(await run(flood, { ...settings, outputBytes: 100_000 })).toMatchObject(serverError('OutputLimit'))
    },
  )

  it('can use the standard libraries that graders need', async () => {
    const names = `ast bisect collections csv dataclasses datetime decimal difflib fractions functools heapq html io itertools
      json math operator random re sqlite3 statistics string textwrap typing unicodedata urllib.parse uuid
      xml.etree.ElementTree zoneinfo`
    expect(await outcomeOf([`import ${names.split(/\s+/).join(', ')}`, 'return 1'], settings)).toBe('scored 1')
  })
})

// macOS has no memory limit and does not count threads as processes.
describe.runIf(interpreter.found && onLinux).each(ways)('the kernel, %s', (_way, settings) => {
  it('prevents threads and processes, which the hook does not see', async () => {
    const thread = ['import threading', 'for _ in range(20): threading.Thread(target=threading.Event().wait).start()']
    expect(await outcomeOf(thread, settings)).toContain("can't start new thread")
  })

  it('prevents every write to a file, which the hook does not see', async () => {
    const memory = ['import os', 'return os.write(os.memfd_create("x"), b"x")']
    expect(await outcomeOf(memory, settings)).toContain('File too large')
  })

  it('limits its memory', async () => {
    const memoryBytes = 512 * 1024 ** 2
    const taking = (megabytes: number) => doing(`return len(bytearray(${megabytes} * 1024 ** 2)) / 1024 ** 2`)
    expect(await run(taking(128), { ...settings, memoryBytes })).toMatchObject({ ok: true, score: 128 })
    expect(await run(taking(600), { ...settings, memoryBytes })).toMatchObject(serverError('MemoryLimit'))
    const bomb = doing('taken = []', 'while True: taken.append(taken[:] or [0])')
    expect(await run(bomb, { ...settings, memoryBytes, seconds: 60 })).toMatchObject(serverError('MemoryLimit'))
  })
})

const withoutBubblewrap = { confinements: confinements(asRoot).filter(({ isolation }) => isolation !== 'bubblewrap') }
const unwrapped = await findInterpreter(withoutBubblewrap)
const found: [string, PythonSettings, Interpreter][] = [
  ['with bubblewrap if it is installed', {}, interpreter],
  ['without bubblewrap', withoutBubblewrap, unwrapped],
]
describe.runIf(interpreter.found && onLinux).each(found)(
  'namespaces, if the machine allows them, %s',
  (_, settings, way) => {
    const apart = way.found && ['bubblewrap', 'namespaces'].includes(way.confinement.isolation)
    // The code cannot open files in /proc, but it can read where its links point.
    it.each(['net', 'ipc', 'pid'])('have their own %s, otherwise the server’s', async (kind) => {
      const own = await outcomeOf(['import os', `raise Exception(os.readlink("/proc/self/ns/${kind}"))`], settings)
      expect(own).toContain(`${kind}:[`)
      expect(own.includes(readlinkSync(`/proc/self/ns/${kind}`))).toBe(!apart)
    })

    it('contain only the process of the grading', async () => {
      expect(await outcomeOf(['import os', 'return os.getpid()'], settings)).toMatch(
        apart ? /^scored [12]$/ : /^scored \d{2,}$/,
      )
    })
  },
)

const wrapped = interpreter.found && interpreter.confinement.isolation === 'bubblewrap'
describe.runIf(wrapped)('bubblewrap, if it is installed', () => {
  const ways = confinements(asRoot).filter(({ isolation }) => isolation === 'bubblewrap')

  it.each(ways.map((way) => [way.before.at(-1), way] as const))(
    'shows an empty /tmp and a read-only root (%s)',
    async (_, way) => {
      const folder = mkdtempSync(join(tmpdir(), 'guarded-'))
      const settings = { confinements: [way] }
      expect(await outcomeOf(['import os', 'return os.path.isdir("/tmp")'], settings)).toBe('scored 1')
      expect(await outcomeOf(['import os', `return os.path.exists("${folder}")`], settings)).toBe('scored 0')
      expect(await outcomeOf(['import os', 'return bool(os.statvfs("/").f_flag & os.ST_RDONLY)'], settings)).toBe(
        'scored 1',
      )
      expect(await outcomeOf(['import os', 'return bool(os.statvfs("/usr").f_flag & os.ST_RDONLY)'], settings)).toBe(
        'scored 1',
      )
      rmSync(folder, { recursive: true })
    },
  )
})
