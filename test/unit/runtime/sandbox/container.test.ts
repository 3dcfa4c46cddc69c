import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createContainerProvider } from '../../../../src/runtime/sandbox/container/container-provider.ts'
import { useFolder } from '../../../support/temporary.ts'

const never = new AbortController().signal
const running = { Status: 'running', Running: true, Paused: false }
const request = { key: 'key', argv: ['true'], timeoutSeconds: 5, maxOutputBytes: 100 }

describe('a container of a daemon that answers to a command with an error', () => {
  const socketPath = join(useFolder(), 'docker.sock')
  let failure: readonly [number, string] = [500, '']
  let state: object | undefined
  const daemon = createServer((request, response) => {
    const answer = (status: number, body: object) => response.writeHead(status).end(JSON.stringify(body))
    const path = request.url ?? ''
    if (path.endsWith('/json') && state !== undefined) return answer(200, { State: state })
    if (path.endsWith('/json')) return answer(404, { message: 'no such container: box' })
    if (path.endsWith('/kill')) return response.writeHead(204).end()
    // The command is known, and then it is not.
    if (path.endsWith('/containers/box/exec') && failure[1].includes('exec')) return answer(201, { Id: 'e1' })
    return answer(failure[0], { message: failure[1] })
  }).listen(socketPath)
  afterAll(() => void daemon.close())
  const provider = createContainerProvider({ socketPath, busySeconds: 0.3 })

  it.each([
    ['a command that the daemon has forgotten', 404, 'No such exec instance: e1', running, 'unavailable', true],
    [
      'a paused container',
      409,
      'container is paused',
      { ...running, Running: false, Paused: true, Status: 'paused' },
      'unavailable',
      true,
    ],
    ['a conflict', 409, 'another operation is in progress', running, 'unavailable', true],
    [
      'a container that has ended',
      409,
      'container is not running',
      { Status: 'exited', Running: false },
      'gone',
      false,
    ],
    ['a container in a bad state that has been removed', 500, 'container state improper', undefined, 'gone', false],
    ['an unknown container', 404, 'no such container: box', undefined, 'gone', false],
  ] as const)('is gone only if it has ended or been removed: %s', async (_, status, message, found, code, alive) => {
    failure = [status, message]
    state = found
    await expect(provider.exec('box', request, never)).rejects.toMatchObject({ code })
    await expect(provider.read('box', 'letter', 100, never)).rejects.toMatchObject({ code })
    await expect(provider.extend('box', 60, never)).rejects.toMatchObject({ code })
    expect(await provider.alive('box', never)).toBe(alive)
  })
})
