import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import Docker from 'dockerode'
import { describe, expect, it, vi } from 'vitest'
import { createContainerProvider } from '../../../../src/runtime/sandbox/container/container-provider.ts'
import type { ExecRequest } from '../../../../src/runtime/sandbox/provider.ts'
import { heldInContainer, heldScript, outside } from '../../../support/sandbox/held.ts'
import { noPodman, usePodman } from '../../../support/sandbox/podman.ts'

if (noPodman === undefined) {
  const { socketPath, image } = usePodman()
  const one = createContainerProvider({ socketPath })
  await vi.waitFor(async () => expect(await one.problem()).toBeUndefined(), { timeout: 30_000, interval: 200 })
  const docker = new Docker({ socketPath })
  const never = new AbortController().signal
  let rollouts = 0
  let keys = 0

  const create = async () => {
    rollouts += 1
    const labels = { installation: `faults-${process.pid}`, rollout: String(rollouts), name: 'shell', generation: '1' }
    const spec = { template: image, network: false, memoryMb: 128, pids: 20, diskMb: 16, ttlSeconds: 600 }
    return (await one.create(spec, labels, never)).handle
  }
  const request = (script: string, rest: Partial<ExecRequest> = {}): ExecRequest => {
    keys += 1
    return { key: `key-${keys}`, argv: ['sh', '-c', script], timeoutSeconds: 30, maxOutputBytes: 1000, ...rest }
  }
  const asRoot = (handle: string, script: string) => outside(docker, handle, ['sh', '-c', script], '0')
  const killHolder = (handle: string) =>
    asRoot(handle, 'cd /.scorekeeper/own/locks; read -r pid _ < "$(ls)"; kill -9 "$pid"')
  const held = (handle: string) => heldInContainer(docker, handle)
  const ambiguous = { name: 'SandboxError', code: 'exec_ambiguous' }
  const unavailable = { name: 'SandboxError', code: 'unavailable' }

  /** Runs the held command in another process. */
  const startServer = async (handle: string, key: string) => {
    const program = fileURLToPath(new URL('../../../support/sandbox/container-server.ts', import.meta.url))
    const args = ['--import', import.meta.resolve('tsx'), program, socketPath, handle, key, heldScript]
    const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const printed = text(server.stdout)
    await held(handle).started()
    return { server, printed }
  }

  describe('a container', () => {
    it('that runs another server’s command is busy: what waits for too long has not begun, and may be tried again', async () => {
      const handle = await create()
      const first = one.exec(handle, request(heldScript), never)
      await held(handle).started()
      const hasty = createContainerProvider({ socketPath, busySeconds: 0.5 })
      const second = request('echo second')
      await expect(hasty.exec(handle, second, never)).rejects.toMatchObject({
        ...unavailable,
        message: expect.stringContaining('busy'),
      })
      await expect(hasty.read(handle, 'letter', 100, never)).rejects.toMatchObject(unavailable)
      await held(handle).release()
      expect(await first).toMatchObject({ exitCode: 0, stdout: 'done\n' })
      expect(await hasty.exec(handle, second, never)).toMatchObject({ exitCode: 0, stdout: 'second\n' })
    })

    it('has a command ended whose server has died, and it is not run again', async () => {
      const handle = await create()
      const { server } = await startServer(handle, 'died')
      server.kill('SIGKILL')
      expect(await one.exec(handle, request('echo next'), never)).toMatchObject({ exitCode: 0, stdout: 'next\n' })
      await expect(one.exec(handle, request(heldScript, { key: 'died' }), never)).rejects.toMatchObject(ambiguous)
      expect(await held(handle).runs()).toBe(1)
    })

    it('gives a result to its second caller, also if the first one is slow to record it', async () => {
      const handle = await create()
      const { server, printed } = await startServer(handle, 'slow')
      server.kill('SIGSTOP')
      await held(handle).release()
      const second = one.exec(handle, request(heldScript, { key: 'slow' }), never)
      await Promise.race([second.catch(() => undefined), sleep(8_000)])
      server.kill('SIGCONT')
      expect(await second).toMatchObject({ exitCode: 0, stdout: 'done\n' })
      expect(JSON.parse(await printed)).toEqual(await second)
      expect(await held(handle).runs()).toBe(1)
    }, 40_000)

    it('gives no result of a command that may have been killed by us', async () => {
      const handle = await create()
      const slow = request(heldScript)
      const running = one.exec(handle, slow, never)
      running.catch(() => undefined)
      await held(handle).started()
      await killHolder(handle)
      await held(handle).release()
      await expect(running).rejects.toMatchObject(ambiguous)
      await expect(one.exec(handle, slow, never)).rejects.toMatchObject(ambiguous)
      expect(await one.exec(handle, request('echo next'), never)).toMatchObject({ exitCode: 0, stdout: 'next\n' })
    })

    it('does not say that a command was stopped at its timeout if that is not certain', async () => {
      const handle = await create()
      const running = one.exec(handle, request(heldScript, { timeoutSeconds: 3 }), never)
      running.catch(() => undefined)
      await held(handle).started()
      await killHolder(handle)
      await expect(running).rejects.toMatchObject(ambiguous)
      // It does not run on.
      const names = 'for each in /proc/[0-9]*/cmdline; do tr "\\0" " " < "$each"; done'
      expect((await one.exec(handle, request(names), never)).stdout).not.toContain('/tmp/runs')
    })

    it('whose time to live cannot be set says so', async () => {
      const handle = await create()
      await asRoot(handle, 'chmod 500 /.scorekeeper/own')
      await expect(one.extend(handle, 900, never)).rejects.toMatchObject(unavailable)
      await asRoot(handle, 'chmod 700 /.scorekeeper/own')
      await one.extend(handle, 900, never)
    })

    it('that fails to read a file does not blame the path', async () => {
      const handle = await create()
      // An ordinary file as far as anybody can tell, and one that cannot be read at its beginning.
      await expect(one.read(handle, '/proc/self/mem', 100, never)).rejects.toMatchObject(unavailable)
    })
  })
} else {
  describe('faults of containers', () => {
    it.skip(`cannot be tested on this machine: ${noPodman}`, () => undefined)
  })
}
