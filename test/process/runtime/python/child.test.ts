import { describe, expect, it } from 'vitest'
import { type Child, runChild } from '../../../../src/runtime/python/child.ts'
import { descendants, isAlive } from '../../../support/python/processes.ts'

const child = (script: string, rest: Partial<Child> = {}): Child => ({
  program: '/bin/sh',
  args: ['-c', script],
  identity: undefined,
  env: { PATH: '/usr/bin:/bin' },
  cwd: '/',
  input: '',
  seconds: 60,
  outputBytes: 10_000,
  ...rest,
})
const never = new AbortController().signal
/** Writes the ids of a long-lived child and of itself. */
const sleeper = 'sleep 600 & echo $! $$ >&3;'
const pidsOf = (result: string) => result.trim().split(' ').map(Number)

describe('a process of a grading', () => {
  it('reads its input and answers on its own channel', async () => {
    const ended = await runChild(
      child('read line; echo noise; echo trouble >&2; echo "$line" >&3', { input: 'hello\n' }),
      never,
    )
    expect(ended).toEqual({ code: 0, signal: null, stopped: undefined, result: 'hello\n', complaint: 'trouble' })
  })

  it('has only the given environment, nothing of the server’s', async () => {
    process.env['SECRET_OF_THE_SERVER'] = 'hunter2'
    const { result } = await runChild(child('env >&3', { env: { PATH: '/usr/bin:/bin', ONE: '1' } }), never)
    delete process.env['SECRET_OF_THE_SERVER']
    expect(result).toContain('ONE=1')
    expect(result).not.toContain('hunter2')
  })

  it('leaves no process behind when it ends', async () => {
    const { code, result } = await runChild(child(sleeper), never)
    expect(code).toBe(0)
    const pids = pidsOf(result)
    expect(pids).toHaveLength(2)
    await expect.poll(() => pids.filter(isAlive)).toEqual([])
  })

  it('is killed with its whole group when it times out', async () => {
    const { signal, stopped, result } = await runChild(
      child(`trap "" TERM INT HUP; ${sleeper} wait`, { seconds: 1 }),
      never,
    )
    expect({ signal, stopped }).toEqual({ signal: 'SIGKILL', stopped: 'time' })
    const pids = pidsOf(result)
    expect(pids).toHaveLength(2)
    await expect.poll(() => pids.filter(isAlive)).toEqual([])
  })

  it.each(['echo xxxxxxxxxxxxxxx', 'echo xxxxxxxxxxxxxxx >&2', 'echo xxxxxxxxxxxxxxx >&3'])(
    'is killed if it writes without end: %s',
    async (line) => {
      const { stopped, result, complaint } = await runChild(child(`while true; do ${line}; done`), never)
      expect(stopped).toBe('output')
      expect(result.length).toBeLessThanOrEqual(16_384)
      expect(complaint.length).toBeLessThanOrEqual(2_000)
    },
  )

  it('is killed when the signal aborts, and rejects with its reason', async () => {
    const controller = new AbortController()
    const running = runChild(child('sleep 600'), controller.signal)
    const reason = new Error('the trainer disconnected')
    const rejected = expect(running).rejects.toBe(reason)
    await expect.poll(descendants).not.toEqual([])
    const pids = descendants()
    controller.abort(reason)
    await rejected
    await expect.poll(() => pids.filter(isAlive)).toEqual([])
  })

  it('ends without waiting for a detached child that holds its pipes', async () => {
    // A process in another session is outside the group; with namespaces it ends with them.
    const script = `${JSON.stringify(process.execPath)} -e ${JSON.stringify(
      "const c = require('child_process').spawn('sleep', ['600'], { detached: true, stdio: 'inherit' }); require('fs').writeSync(3, String(c.pid)); process.exit(0)",
    )}`
    const { code, result } = await runChild(child(script), never)
    expect(code).toBe(0)
    expect(isAlive(Number(result))).toBe(true)
    process.kill(Number(result), 'SIGKILL')
  })

  it('can ignore its input', async () => {
    const ended = await runChild(child('exit 3', { input: 'x'.repeat(1_000_000) }), never)
    expect(ended).toMatchObject({ code: 3, signal: null, stopped: undefined })
  })

  it('reports why it cannot be started', async () => {
    const ended = await runChild(child('', { program: '/nowhere/python3' }), never)
    expect(ended).toMatchObject({ code: null, result: '', complaint: expect.stringContaining('ENOENT') })
  })
})
