import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { folderOf } from '../../../../src/runtime/sandbox/local/cgroups.ts'
import { createLocalProvider } from '../../../../src/runtime/sandbox/local/local-provider.ts'
import { useFolder } from '../../../support/temporary.ts'

const folder = useFolder()
const template = join(folder, 'template')
mkdirSync(template)
const provider = () => createLocalProvider({ folder: join(folder, 'sandboxes') })

const trial = provider()
const unsuitable = (await trial.problem()) ?? (await trial.note?.()) ?? ''
await trial.end()

if (unsuitable.includes('as a whole')) {
  const never = new AbortController().signal

  describe('the memory of a local sandbox', () => {
    const one = provider()
    const labels = { installation: `memory-${process.pid}`, rollout: '1', name: 'shell', generation: '1' }
    const spec = { template, network: false, memoryMb: 128, pids: 64, diskMb: 512, ttlSeconds: 600 }
    let commands = 0
    const shell = (handle: string, script: string) => {
      commands += 1
      const argv = ['sh', '-c', script]
      return one.exec(handle, { key: `memory-${commands}`, argv, timeoutSeconds: 60, maxOutputBytes: 10_000 }, never)
    }
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    const own = readFileSync('/proc/self/cgroup', 'utf8')
    const memory = folderOf('memory', mounts, own) ?? folderOf(undefined, mounts, own) ?? ''
    const groupOf = (handle: string) =>
      readdirSync(memory, { recursive: true, encoding: 'utf8' }).find((path) => path.endsWith(`-${handle}`))
    afterAll(() => one.end())

    // tail keeps 80 MB until its input ends.
    const held = 'head -c 80000000 /dev/zero | tail -c 80000000 | wc -c'
    const hold = `
      (head -c 80000000 /dev/zero; touch /tmp/held; until [ -e /tmp/go ]; do sleep 0.05; done) | tail -c 80000000 | wc -c &
      until [ -e /tmp/held ]; do sleep 0.05; done`

    it('is limited for the sum of its processes', async () => {
      const { handle } = await one.create(spec, labels, never)
      expect(await shell(handle, held)).toMatchObject({ exitCode: 0, stdout: '80000000\n', stderr: '' })
      const both = await shell(handle, `${hold}\n${held}; touch /tmp/go; wait`)
      expect(both.stdout.split('\n').filter((line) => line === '80000000').length).toBeLessThan(2)
      expect(both.stderr).toContain('killed: the sandbox may use 128 MB of memory')
      expect(await shell(handle, 'echo next')).toMatchObject({ exitCode: 0, stdout: 'next\n', stderr: '' })
      await one.close(handle, never)
    })

    it('is limited with what a command keeps in /dev/shm', async () => {
      const { handle } = await one.create(spec, labels, never)
      const { stderr } = await shell(handle, `head -c 80000000 /dev/zero > /dev/shm/file; ${held}`)
      expect(stderr).toContain('killed: the sandbox may use 128 MB of memory')
      await one.close(handle, never)
    })

    it('is limited by a control group that is removed with the sandbox, or by the next helper', async () => {
      const create = async (rollout: string) => (await one.create(spec, { ...labels, rollout }, never)).handle
      const closed = await create('2')
      const lost = await create('3')
      for (const handle of [closed, lost]) {
        await shell(handle, 'true')
        expect(groupOf(handle)).toBeDefined()
      }
      await one.close(closed, never)
      expect(groupOf(closed)).toBeUndefined()
      rmSync(join(folder, 'sandboxes', 'boxes', lost), { recursive: true })
      const next = provider()
      await next.find(labels, never)
      expect(groupOf(lost)).toBeUndefined()
      await next.end()
    })
  })
} else {
  describe('the memory of a local sandbox', () => {
    it.skip(`cannot be limited as a whole on this machine: ${unsuitable}`, () => undefined)
  })
}
