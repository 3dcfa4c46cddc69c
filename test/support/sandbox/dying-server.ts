import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLocalProvider } from '../../../src/runtime/sandbox/local/local-provider.ts'
import { descendants } from '../python/processes.ts'

// Prints the process id of its helper, and asks it for a sandbox when it is told to.
const [, , folder = '', template = ''] = process.argv
const provider = createLocalProvider({ folder })
const never = new AbortController().signal
const spec = { template, network: false, memoryMb: 64, pids: 16, diskMb: 8, ttlSeconds: 600 }
const create = (rollout: string) =>
  provider.create(spec, { installation: 'dying', rollout, name: 'shell', generation: '1' }, never)

// The template is copied once.
await provider.close((await create('1')).handle, never)
const say = (line: string) => process.stdout.write(`${line}\n`)
const isHelper = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('local/helper')
say(String(descendants().find(isHelper)))
await once(process.stdin, 'data')
const creating = create('2')
// The request waits in the channel to the helper.
await sleep(1_000)
say('asked')
await creating
say('created')
