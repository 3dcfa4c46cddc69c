import childProcess from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { createLocalProvider } from '../../../src/runtime/sandbox/local/local-provider.ts'
import { descendants } from '../python/processes.ts'

// Prints the process id of its helper, and asks it for a sandbox when it is told to.
const say = (line: string) => process.stdout.write(`${line}\n`)
let announce = false
// Requests are sent as always; the second one is announced when the channel to the helper has it.
childProcess.fork = new Proxy(childProcess.fork, {
  apply(fork, self, forkArguments) {
    const helper: childProcess.ChildProcess = Reflect.apply(fork, self, forkArguments)
    helper.send = new Proxy(helper.send, {
      apply(send, sender, message) {
        const accepted: boolean = Reflect.apply(send, sender, message)
        if (announce) say('asked')
        return accepted
      },
    })
    return helper
  },
})
syncBuiltinESMExports()
const [, , folder = '', template = ''] = process.argv
const provider = createLocalProvider({ folder })
const never = new AbortController().signal
const spec = { template, network: false, memoryMb: 64, pids: 16, diskMb: 8, ttlSeconds: 600 }
const create = (rollout: string) =>
  provider.create(spec, { installation: 'dying', rollout, name: 'shell', generation: '1' }, never)

// The template is copied once.
await provider.close((await create('1')).handle, never)
const isHelper = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('local/helper')
say(String(descendants().find(isHelper)))
await once(process.stdin, 'data')
announce = true
await create('2')
say('created')
