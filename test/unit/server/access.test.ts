import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isRunName } from '../../../src/base/run-name.ts'
import { AuthError, RequestError } from '../../../src/kit/errors.ts'
import { createAuthenticator } from '../../../src/server/auth/authenticate.ts'
import { parseApiKeys } from '../../../src/server/auth/keys.ts'
import { createAccess, pathWithoutRun } from '../../../src/server/http/access.ts'

const key = (name: string) => `a-key-of-${name}-and-of-nobody-else`
const keys = parseApiKeys(
  [
    `free:tools=${key('free')}`,
    `lab:tools@exp-*+final+exp-9=${key('lab')}`,
    `sweep:tools@exp-*=${key('sweep')}`,
    `boss:admin@final=${key('boss')}`,
  ].join(' '),
)
const access = createAccess(createAuthenticator({ keys, keyHeaders: [] }))

/** The run of a request by this key to a path, with this header. */
async function runOf(name: string, path: string, header?: string, other?: string): Promise<string> {
  const headers = { authorization: `Bearer ${key(name)}`, ...(header !== undefined && { 'x-run': header }) }
  const request = new Request(`http://localhost${path}`, { headers })
  return (await access(request, 'tools')).run(other)
}

/** The status and the code of the refusal. */
async function refusalOf(run: Promise<string>): Promise<readonly [number, string]> {
  const error: unknown = await run.catch((error: unknown) => error)
  if (!(error instanceof RequestError)) throw new Error(`not refused: ${error}`)
  expect(error instanceof AuthError).toBe(error.status === 403)
  return [error.status, error.code]
}

describe('the run of a request', () => {
  it('is the one that the address names', async () => {
    expect(await runOf('free', '/runs/exp-7/tools/cat')).toBe('exp-7')
    expect(await runOf('free', '/runs/exp-7/tools/cat/?a=b')).toBe('exp-7')
    expect(await runOf('free', '/%72uns/ex%70-7/tools/cat')).toBe('exp-7')
  })

  it('is the one that the header names', async () => {
    expect(await runOf('free', '/tools/cat', 'exp-7')).toBe('exp-7')
    expect(await runOf('free', '/runs/exp-7/tools/cat', 'exp-7')).toBe('exp-7')
  })

  it("is the key's own where the request names none: the first plain name", async () => {
    expect(await runOf('free', '/tools/cat')).toBe('default')
    expect(await runOf('lab', '/tools/cat')).toBe('final')
  })

  it('is refused where address and header name two', async () => {
    expect(await refusalOf(runOf('free', '/runs/a/tools/cat', 'b'))).toEqual([400, 'run_conflict'])
  })

  it.each([
    ['/runs/a%20b/tools/cat', undefined],
    ['/runs/a%2Fb/tools/cat', undefined],
    ['/runs//tools/cat', undefined],
    [`/runs/${'x'.repeat(101)}/tools/cat`, undefined],
    ['/tools/cat', ''],
    ['/tools/cat', '..'],
    ['/tools/cat', 'a, b'],
    ['/runs/a/tools/cat', 'a*'],
  ])('is refused where its name is not valid: %s, header %s', async (path, header) => {
    expect(await refusalOf(runOf('free', path, header))).toEqual([400, 'invalid_run'])
  })

  it('must be named by a key that is bound to patterns alone', async () => {
    expect(await refusalOf(runOf('sweep', '/tools/cat'))).toEqual([400, 'run_required'])
    expect(await runOf('sweep', '/tools/cat', 'exp-1')).toBe('exp-1')
  })

  it.each([
    ['lab', 'default'],
    ['lab', 'final-2'],
    ['sweep', 'final'],
    ['boss', 'exp-7'],
  ])('is refused to the key "%s", which is not bound to %s', async (name, run) => {
    for (const refused of [runOf(name, `/runs/${run}/tools/cat`), runOf(name, '/tools/cat', run)]) {
      expect(await refusalOf(refused)).toEqual([403, 'run_forbidden'])
    }
  })

  it('may be named inside the body, by the same rules', async () => {
    expect(await runOf('free', '/v1/x', undefined, 'exp-7')).toBe('exp-7')
    expect(await runOf('sweep', '/v1/x', undefined, 'exp-7')).toBe('exp-7')
    expect(await runOf('lab', '/v1/x', 'exp-7', 'exp-7')).toBe('exp-7')
    expect(await refusalOf(runOf('lab', '/v1/x', 'exp-7', 'exp-8'))).toEqual([400, 'run_conflict'])
    expect(await refusalOf(runOf('lab', '/v1/x', undefined, 'default'))).toEqual([403, 'run_forbidden'])
    expect(await refusalOf(runOf('lab', '/v1/x', undefined, 'a b'))).toEqual([400, 'invalid_run'])
  })

  it('of any text in the address or the header is that text, or is refused as invalid', async () => {
    const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.stringMatching(/^[A-Za-z0-9._*%/-]{1,110}$/))
    await fc.assert(
      fc.asyncProperty(text, async (name) => {
        // Addresses with these names mean other addresses.
        if (name !== '.' && name !== '..' && name.isWellFormed()) {
          const inAddress = runOf('free', `/runs/${encodeURIComponent(name)}/tools/cat`)
          if (isRunName(name)) expect(await inAddress).toBe(name)
          else expect(await refusalOf(inAddress)).toEqual([400, 'invalid_run'])
        }
        if (!/^[\x21-\x7e]*$/.test(name)) return
        const inHeader = runOf('free', '/tools/cat', name)
        if (isRunName(name)) expect(await inHeader).toBe(name)
        else expect(await refusalOf(inHeader)).toEqual([400, 'invalid_run'])
      }),
      { numRuns: 500 },
    )
  })

  it('is not told to a caller without a valid key', async () => {
    const request = new Request('http://localhost/runs/a%20b/tools/cat', { headers: { authorization: 'Bearer wrong' } })
    await expect(access(request, 'tools')).rejects.toMatchObject({ status: 401, code: 'invalid_token' })
  })
})

describe('the path by which a request is routed', () => {
  it.each([
    ['/runs/exp-7/tools/cat', '/tools/cat'],
    ['/runs/exp-7/tools/cat/', '/tools/cat'],
    ['/runs/exp-7/v1/fine_tuning/alpha/graders/run?a=/runs/b/c', '/v1/fine_tuning/alpha/graders/run'],
    ['/tools/cat/', '/tools/cat'],
    ['/tools/runs/a', '/tools/runs/a'],
    ['/runs/exp-7', '/runs/exp-7'],
    ['/runs/a/runs/b/tools', '/runs/b/tools'],
    ['/', '/'],
  ])('of %s is %s', (path, routed) => {
    expect(pathWithoutRun(new Request(`http://localhost${path}`))).toBe(routed)
  })
})
