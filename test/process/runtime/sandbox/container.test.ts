import Docker from 'dockerode'
import { describe, expect, it, vi } from 'vitest'
import { createContainerProvider } from '../../../../src/runtime/sandbox/container/container-provider.ts'
import { containerOptions } from '../../../../src/runtime/sandbox/container/create.ts'
import { describeContract } from '../../../support/sandbox/contract.ts'
import { heldInContainer } from '../../../support/sandbox/held.ts'
import { noPodman, usePodman } from '../../../support/sandbox/podman.ts'

describe('a container provider without a daemon', () => {
  it('says what it needs', async () => {
    const provider = createContainerProvider({ socketPath: '/nowhere/docker.sock' })
    expect(await provider.problem()).toMatch(
      /^sandboxes in containers need Docker or Podman at \/nowhere\/docker\.sock: /,
    )
  })
})

if (noPodman === undefined) {
  const { socketPath, image } = usePodman()
  const provider = () => createContainerProvider({ socketPath })
  await vi.waitFor(async () => expect(await provider().problem()).toBeUndefined(), { timeout: 30_000, interval: 200 })

  const held = (handle: string) => heldInContainer(new Docker({ socketPath }), handle)
  describeContract('container', async () => ({ template: image, provider, held }), {
    isolated: true,
    nothingRunsBetween: true,
    createsOnce: true,
  })

  it('a container that was made and not started, and one that has ended unused, do not keep a creation from its sandbox', async () => {
    const never = new AbortController().signal
    const labels = { installation: `half-${process.pid}`, rollout: '1', name: 'shell', generation: '1' }
    const spec = { template: image, network: false, memoryMb: 128, pids: 20, diskMb: 16, ttlSeconds: 600 }
    const one = provider()
    const docker = new Docker({ socketPath })
    for (const isEnded of [false, true]) {
      const { HostConfig, ...options } = containerOptions(spec, labels, {})
      const ends = { HostConfig: { ...HostConfig, AutoRemove: !isEnded }, ...(isEnded && { Cmd: ['0'] }) }
      const half = await docker.createContainer({ ...options, ...ends })
      if (isEnded) {
        await half.start()
        await half.wait()
      }
      const made = await one.create(spec, labels, never)
      expect(made.handle === half.id).toBe(!isEnded)
      const request = { key: 'half', argv: ['cat', 'letter'], timeoutSeconds: 30, maxOutputBytes: 100 }
      expect(await one.exec(made.handle, request, never)).toMatchObject({ exitCode: 0, stdout: 'hello\n' })
      expect(await one.find(labels, never)).toHaveLength(1)
      await one.close(made.handle, never)
    }
  }, 60_000)

  it('a container ends by itself when its time to live has passed, also after it was full', async () => {
    const never = new AbortController().signal
    const labels = { installation: `ttl-${process.pid}`, rollout: '1', name: 'shell', generation: '1' }
    const spec = { template: image, network: false, memoryMb: 128, pids: 20, diskMb: 16, ttlSeconds: 12 }
    const one = provider()
    const { handle } = await one.create(spec, labels, never)
    const fill = ['sh', '-c', 'for i in $(seq 60); do sleep 600 & done; sleep 600']
    await one.exec(handle, { key: 'fill', argv: fill, timeoutSeconds: 8, maxOutputBytes: 1000 }, never)
    expect(await one.alive(handle, never)).toBe(true)
    await vi.waitFor(async () => expect(await one.find(labels, never)).toEqual([]), { timeout: 40_000, interval: 500 })
  }, 60_000)
} else {
  describe('the container provider', () => {
    it.skip(`cannot be tested on this machine: ${noPodman}`, () => undefined)
  })
}
