import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { problemIn } from '../../graders/kernel/allowed-code.ts'
import type { RunPython } from '../../graders/kernel/measure.ts'

const rules = { forbidden: ['softmax', 'reference_run'], allowed: [], inline: false }
const kernel = `
import torch, triton
import triton.language as tl

@triton.jit
def rows(out, x, n, BLOCK: tl.constexpr):
    """Like softmax, without exec and try."""
    at = tl.arange(0, BLOCK)
    v = tl.load(x + tl.program_id(0) * n + at, mask=at < n, cache_modifier='.cg')  # reference_run does this slowly
    tl.store(out + at, tl.exp(v - tl.max(v)), mask=at < n)

def run(x):
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    rows[(x.shape[0],)](out, x, x.shape[1], BLOCK=1024)
    return out
`

/** Runs the check on this machine; undefined if Python gives the code up. */
const python: RunPython = async (program, input) => {
  const running = promisify(execFile)('python3', ['-I', '-S', '-c', program], { env: {} })
  running.child.stdin?.on('error', () => undefined)
  running.child.stdin?.end(input)
  return await running.then(
    ({ stdout }) => stdout,
    () => undefined,
  )
}
const problem = (code: string, more: Partial<typeof rules> = {}) =>
  problemIn(code, { ...rules, ...more }, new AbortController().signal, python)

describe('the check of a kernel’s code', () => {
  it.each([
    ['the reference', 'def run(x): return reference_run(x)', 'it uses reference_run'],
    [
      'the library’s',
      'import torch.nn.functional as F\ndef run(x): return F.softmax(x, -1)',
      'imports torch.nn.functional',
    ],
    ['the library’s function under another name', 'from torch import softmax as s\nrun = s', 'it uses softmax'],
    ['a module of the library', 'import torch\ndef run(x): return torch.nn.SiLU()(x)', 'it uses .SiLU'],
    ['a module under another name', 'import torch\ndef run(x):\n  t = torch\n  return t', 'by another name'],
    ['a method of the tensor', 'def run(x): return x.exp()', 'it uses .exp'],
    ['the matrix product', 'def run(x): return x @ x', 'matrix product'],
    ['exec', "exec('def run(x): return ref' + 'erence_run(x)')", 'at the top'],
    ['eval in full-width letters', "def run(x): return ｅｖａｌ('x')", 'it uses eval'],
    ['code in an f-string', "def run(x): return f'{exec(code)}'", 'f-string'],
    ['getattr', "import torch\ndef run(x): return getattr(torch, 'soft' + 'max')(x)", 'it uses getattr'],
    ['__getattribute__', "def run(x): return x.__getattribute__('soft' + 'max')(-1)", '__getattribute__'],
    ['__dict__', "import torch\ndef run(x): return torch.__dict__['soft' + 'max'](x)", '__dict__'],
    ['the caller’s names', 'import inspect\ndef run(x): return inspect.stack()', 'imports inspect'],
    ['a fall-back', 'def run(x):\n  try:\n    return go(x)\n  except Exception:\n    return x', 'a fall-back'],
    ['a clock', `import time\n${kernel}`, 'imports time'],
    ['a clock of the device', 'def run(x): return x.elapsed_time(x)', 'elapsed_time'],
    ['a cache', 'from functools import lru_cache\n@lru_cache\ndef run(x): return x', 'imports lru_cache'],
    ['a cache at the top', 'seen = {}\ndef run(x): return seen[x]', 'could keep answers'],
    ['a cache in a global', 'last = 0\ndef run(x):\n  global last\n  last = x', 'a global name'],
    ['a cache in a default argument', 'def run(x, seen={}):\n  seen[0] = x\n  return x', 'a default'],
    ['a cache in a lambda’s default', 'def run(x):\n  f = lambda y, seen=[]: y\n  return f(x)', 'a default'],
    ['a cache in an attribute of the function', 'def run(x):\n  run.last = x\n  return x', 'an attribute assigned'],
    ['a cache in a class', 'class K:\n  last = 0\ndef run(x): return x', 'a class'],
    ['a cache in a function’s names', 'def make():\n  def run(x): return x\n  return run', 'a function'],
    ['a cache in the inputs', 'def run(x):\n  x[0] = 1\n  return x', 'an element of something else'],
    ['a file', "def run(x): return open('/tmp/answer')", 'it uses open'],
    ['a patched library', 'import torch\ntorch.empty = lambda: 0', 'an attribute assigned'],
    ['a patched library, annotated', 'import torch\ntorch.empty: int = 0', 'an attribute assigned'],
    [
      'a patched library, in a tuple',
      'import torch\ndef run(x):\n  torch.empty, y = x, x\n  return y',
      'an attribute assigned',
    ],
    ['a patched library, by for', 'import torch\ndef run(x):\n  for torch.empty in x: pass', 'an attribute assigned'],
    ['a patched library, by __setattr__', "import torch\ndef run(x): torch.__setattr__('empty', x)", '__setattr__'],
    [
      'C++ in a string that the item does not allow',
      "from torch.utils.cpp_extension import load_inline\nm = load_inline(cpp_sources='')",
      'C++ in a string',
    ],
    ['a string without an end', "x = '", 'cannot be parsed'],
    ['code that is too long', 'x = 1\n'.repeat(20_000), 'longer than'],
    [
      'code that is nested too deeply',
      `def run(x): return ${'('.repeat(5_000)}x${')'.repeat(5_000)}`,
      'cannot be parsed',
    ],
  ])('refuses %s', async (_, code, why) => {
    expect(await problem(code)).toContain(why)
  })

  it.each([
    [
      'autotuned',
      kernel.replace(
        '@triton.jit',
        "@triton.autotune(configs=[triton.Config({'BLOCK': 64}, num_warps=4)], key=['n'])\n@triton.jit",
      ),
    ],
    [
      'with a grid that depends on the block',
      kernel.replace('rows[(x.shape[0],)]', "rows[lambda meta: (triton.cdiv(x.numel(), meta['BLOCK']),)]"),
    ],
    [
      'with constants and a helper',
      `size = 2 ** 10\n${kernel.replace('BLOCK=1024', 'BLOCK=size')}\ndef side(n: int = 3):\n    return max(n, size)\n`,
    ],
  ])('takes a kernel %s', async (_, code) => {
    expect(await problem(code)).toBeUndefined()
  })

  it('does not treat comments and strings as code', async () => {
    expect(await problem(kernel)).toBeUndefined()
  })

  it('takes C++ in a string where the item allows it', async () => {
    const code =
      "from torch.utils.cpp_extension import load_inline\nmodule = load_inline(cuda_sources='')\ndef run(x): return module.go(x)"
    expect(await problem(code, { inline: true })).toBeUndefined()
  })
})
