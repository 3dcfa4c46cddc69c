import { describe, expect, it } from 'vitest'
import { kernelSpeedup } from '../../graders/kernel-speedup.ts'
import { call, grade } from '../support/grading.ts'

const item = {
  instructions: 'Write run(x), the soft-max of the rows of x, as a Triton kernel.',
  reference_seconds: 0.008,
  cap: 4,
  impossible: 50,
  forbidden: ['softmax', 'reference_run'],
}
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
const run = (seconds: number, code = kernel, correct = true) =>
  call('benchmark', { code }, JSON.stringify({ correct, seconds }))
const graded = (calls: Parameters<typeof grade>[3], answer = 'Done.') => grade(kernelSpeedup, item, answer, calls)
const scoreOf = async (...calls: readonly ReturnType<typeof call>[]) => (await graded(calls)).score

describe('the grader of a kernel’s speed', () => {
  it('gives the logarithm of the speed-up, from 1× to the cap', async () => {
    expect(await scoreOf(run(0.002))).toBe(1)
    expect(await scoreOf(run(0.004))).toBeCloseTo(0.5)
    expect(await scoreOf(run(0.001))).toBe(1)
    expect(await scoreOf(run(0.008))).toBe(0)
    expect(await scoreOf(run(0.016))).toBe(0)
  })

  it('gives nothing for what is not correct, however fast', async () => {
    expect(await scoreOf(run(0.001, kernel, false))).toBe(0)
    expect(await scoreOf(call('benchmark', { code: 'x' }, '{"correct": false, "error": "does not compile"}'))).toBe(0)
  })

  it('counts the last submission', async () => {
    expect(await scoreOf(run(0.002), run(0.004, `${kernel}\nside = 2`))).toBeCloseTo(0.5)
    expect(await scoreOf(run(0.002), run(0.002, `${kernel}\nside = 2`, false))).toBe(0)
    expect(await scoreOf(run(0.002, kernel, false), run(0.002, `${kernel}\nside = 2`))).toBe(1)
  })

  it('counts the slowest run of the same code, so that no luck comes of trying again', async () => {
    expect(await scoreOf(run(0.004), run(0.002), run(0.002))).toBeCloseTo(0.5)
    expect(await scoreOf(run(0.002, kernel, false), run(0.002))).toBe(0)
    expect(await scoreOf(run(0.004), run(0.002, `\n# again\n${kernel}   `)), 'a comment more').toBeCloseTo(0.5)
    const inString = (source: string) => `module = load_inline(cuda_sources='${source}')`
    expect(await scoreOf(run(0.004, inString('a'), false), run(0.002, inString('b'))), 'a kernel in a string').toBe(1)
  })

  it('does not count what was refused, or another tool', async () => {
    expect(await scoreOf(run(0.004), { ...run(0.002, 'other'), outcome: 'refused' })).toBeCloseTo(0.5)
    expect(await scoreOf({ ...run(0.002), tool: 'test' })).toBe(0)
  })

  it.each([
    '',
    '1',
    item.instructions,
    kernel,
    '{"correct": true, "seconds": 0.0001}',
    'return 1',
    'fast '.repeat(10_000),
  ])('gives nothing for what is only said: %.40j', async (answer) => {
    expect((await graded([], answer)).score).toBe(0)
    expect((await graded([run(0.008)], answer)).score).toBe(0)
  })

  it.each([
    ['the reference', 'def run(x): return reference_run(x)', 'reference_run'],
    ['the library’s', 'import torch.nn.functional as F\ndef run(x): return F.softmax(x, -1)', 'softmax'],
    ['the library’s by another name', 'from torch import softmax as s\nrun = s', 'softmax'],
    ['exec', "exec('def run(x): return ref' + 'erence_run(x)')", 'run time'],
    ['eval in full-width letters', "run = ｅｖａｌ('lambda x: x')", 'run time'],
    ['code in an f-string', "f'{exec(code)}'", 'run time'],
    ['getattr', "run = getattr(torch, 'soft' + 'max')", 'looked up'],
    ['__dict__', "run = torch.__dict__['soft' + 'max']", 'looked up'],
    ['the caller’s names', "import inspect\nrun = inspect.stack()[1][0].f_locals['ref']", 'caller'],
    ['a fall-back', `try:\n  go()\nexcept Exception:\n  pass\n${kernel}`, 'fall-back'],
    ['a clock', `import os.path, time\n${kernel}`, 'clock'],
    ['a clock by name', 'from time import sleep', 'clock'],
    ['a clock of the device', 'start.elapsed_time(end)', 'clock'],
    ['a cache', `from functools import lru_cache\n${kernel}`, 'kept'],
    ['a cache by address', `seen = {}\ndef run(x): return seen[x.data_ptr()]`, 'kept'],
    ['a cache in a global', 'def run(x):\n  global last\n  last = x', 'kept'],
    ['a file', "open('/tmp/answer')", 'files'],
    ['a patched library', 'torch.cuda.synchronize = lambda: None', 'changed'],
    ['a string without an end', "x = '", 'without an end'],
    ['quotes in an f-string', `f'{"'"}'; exec(x) #"`, 'within'],
  ])('gives nothing for %s', async (_, code, why) => {
    const { score, reason } = await graded([run(0.002, code)])
    expect([score, reason]).toEqual([0, expect.stringContaining(why)])
  })

  it('does not take words in comments and strings for code', async () =>
    expect((await graded([run(0.002)])).parts).toMatchObject({ correct: 1, honest: 1, speedup: 4 }))

  it('gives nothing for what is faster than can be', async () => {
    const { score, reason } = await graded([run(0.0001)])
    expect([score, reason]).toEqual([0, '80.0× cannot be'])
  })

  it.each(['', 'out of memory', '{"seconds": 1}', '{"correct": true}', '{"correct": true, "seconds": 0}'])(
    'makes no number of a benchmark that failed: %j',
    async (output) =>
      await expect(graded([call('benchmark', { code: kernel }, output)])).rejects.toMatchObject({
        name: 'UngradableError',
        code: 'benchmark_unreadable',
      }),
  )

  it('does not take an item without a speed, or a cap of nothing', async () => {
    await expect(grade(kernelSpeedup, { ...item, reference_seconds: 0 }, '', [run(1)])).rejects.toThrow('seconds')
    await expect(grade(kernelSpeedup, { ...item, cap: 1 }, '', [run(1)])).rejects.toThrow('cap')
    await expect(grade(kernelSpeedup, { ...item, forbidden: [] }, '', [run(1)])).rejects.toThrow('forbidden')
  })
})
