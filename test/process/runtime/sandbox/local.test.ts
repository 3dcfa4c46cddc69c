import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createLocalProvider } from '../../../../src/runtime/sandbox/local/local-provider.ts'
import { descendants } from '../../../support/python/processes.ts'
import { describeContract } from '../../../support/sandbox/contract.ts'
import { useFolder } from '../../../support/temporary.ts'

const folder = useFolder()
const template = join(folder, 'template')
mkdirSync(template)
writeFileSync(join(template, 'letter'), 'hello\n')
const provider = () => createLocalProvider({ folder: join(folder, 'sandboxes') })

const trial = provider()
const problem = await trial.problem()
await trial.end()

if (problem === undefined) {
  describeContract('local', async () => ({ template, provider }), {
    isolated: true,
    nothingRunsBetween: true,
    createsOnce: true,
  })

  describe('the local provider, when processes die', () => {
    const never = new AbortController().signal
    const spec = { template, network: false, memoryMb: 256, pids: 64, diskMb: 64, ttlSeconds: 600 }
    const labels = { installation: `died-${process.pid}`, rollout: '1', name: 'shell', generation: '1' }
    const slow = {
      key: 'slow',
      argv: ['sh', '-c', 'echo run >> runs; sleep 2; echo done'],
      timeoutSeconds: 30,
      maxOutputBytes: 1000,
    }
    const count = { key: 'count', argv: ['cat', 'runs'], timeoutSeconds: 30, maxOutputBytes: 1000 }

    it('finishes a command whose server has ended, and the next server reads its result', async () => {
      const first = provider()
      const { handle } = await first.create(spec, labels, never)
      const cut = first.exec(handle, slow, never).catch((error: unknown) => error)
      await sleep(1000)
      await first.end()
      const next = provider()
      expect(await next.exec(handle, slow, never)).toMatchObject({ exitCode: 0, stdout: 'done\n' })
      expect((await next.exec(handle, count, never)).stdout).toBe('run\n')
      await next.close(handle, never)
      await next.end()
      expect(await cut).toMatchObject({ code: 'unavailable' })
    })

    it('never runs a command again whose helper process was killed', async () => {
      const one = provider()
      const { handle } = await one.create(spec, labels, never)
      const cut = one.exec(handle, slow, never).catch((error: unknown) => error)
      await sleep(1000)
      const helpers = descendants().filter((pid) => {
        return (
          existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('local/helper')
        )
      })
      expect(helpers).not.toEqual([])
      for (const pid of helpers) process.kill(pid, 'SIGKILL')
      expect(await cut).toMatchObject({ code: 'unavailable' })
      await expect(one.exec(handle, slow, never)).rejects.toMatchObject({ code: 'exec_ambiguous' })
      expect((await one.exec(handle, count, never)).stdout).toBe('run\n')
      await one.close(handle, never)
      await one.end()
    })
  })
} else {
  describe('the local provider', () => {
    it.skip(`cannot be tested on this machine: ${problem}`, () => undefined)
  })
}
