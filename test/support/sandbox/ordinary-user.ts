import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createLocalProvider } from '../../../src/runtime/sandbox/local/local-provider.ts'

// Run by a test as a user that is not root, with an open file as descriptor 40: opens a sandbox in the folder of the first argument,
// from the template of the second.

const [, , folder = '', template = ''] = process.argv
const provider = createLocalProvider({ folder: join(folder, 'sandboxes') })
const problem = await provider.problem()
if (problem !== undefined) throw new Error(problem)
const { signal } = new AbortController()
const labels = { installation: 'ordinary', rollout: '1', name: 'shell', generation: '1' }
const spec = { template, network: false, memoryMb: 128, pids: 16, diskMb: 8, ttlSeconds: 600 }
const { handle } = await provider.create(spec, labels, signal)
const argv = ['sh', '-c', 'echo more >> letter; cat letter; id -u; cat /proc/self/fd/40 2>/dev/null']
const request = { key: 'first', argv, timeoutSeconds: 20, maxOutputBytes: 1000 }
const { stdout } = await provider.exec(handle, request, signal)
const changed = join(folder, 'sandboxes', 'boxes', handle, 'upper', 'letter')
const owners = [statSync(changed).uid]
await provider.close(handle, signal)
await provider.end()
const left = readdirSync(join(folder, 'sandboxes', 'boxes')).length
process.stdout.write(JSON.stringify({ output: stdout, left, owners }))
