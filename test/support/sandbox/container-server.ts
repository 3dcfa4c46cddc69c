import { createContainerProvider } from '../../../src/runtime/sandbox/container/container-provider.ts'

// A server in a process of its own: runs one command in a container and prints its result.
const [, , socketPath = '', handle = '', key = '', script = ''] = process.argv
const provider = createContainerProvider({ socketPath })
const request = { key, argv: ['sh', '-c', script], timeoutSeconds: 60, maxOutputBytes: 1000 }
process.stdout.write(JSON.stringify(await provider.exec(handle, request, new AbortController().signal)))
