import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { useDatabase } from '../../support/database.ts'
import { addressOf, kill, logOf, type ServerProcess, spawnServer } from '../../support/server-process.ts'
import { useFolder } from '../../support/temporary.ts'

const database = useDatabase()
const folder = useFolder()
let processes: ServerProcess[] = []

afterEach(async () => {
  await Promise.all(processes.map(kill))
  processes = []
})

function spawn(env: Record<string, string>): ServerProcess {
  const server = spawnServer(folder, { DATABASE_URL: database.url, PORT: '0', ...env })
  processes.push(server)
  return server
}

/** Starts a server, and waits for the notices of this many ports. */
async function start(env: Record<string, string>, ports: number) {
  const server = spawn(env)
  const url = await addressOf(server)
  const notices = () => logOf(server).filter(({ msg }) => msg.startsWith('the wire '))
  await vi.waitFor(() => expect(notices()).toHaveLength(ports))
  return { ...server, url, notices: notices() }
}

const body = JSON.stringify({
  prompt: 'How much?',
  response: '94.0',
  label: { messages: [], reference_answer: '94.0' },
})
const ask = async (url: string) => {
  const response = await fetch(url, { method: 'POST', body })
  return { status: response.status, answer: z.unknown().parse(await response.json()) }
}

describe('a server with WIRE_PORTS', () => {
  const API_KEYS = 'a-key-of-sixteen-characters'

  it('serves each wire on its port, and says at start where that is, in which run, and whether it asks for a key', async () => {
    const env = { API_KEYS, WIRE_PORTS: 'slime:0/exp-7,openrlhf:0,aws:0/exp-7' }
    const { url, notices, child, ended } = await start(env, 3)
    expect(notices).toMatchObject([
      { level: 'warn', code: 'wire_port_without_key', wire: 'slime', run: 'exp-7' },
      { level: 'warn', code: 'wire_port_without_key', wire: 'openrlhf' },
      { level: 'info', code: 'wire_port', wire: 'aws', run: 'exp-7' },
    ])
    const [slime, openRlhf, aws] = notices
    expect(slime?.msg).toBe(
      `the wire slime is at ${slime?.url}, in the run exp-7. Its client can send no key, so none is asked here: who can connect may use the run`,
    )
    expect(openRlhf?.msg).toContain('in the run default.')
    expect(aws?.msg).toBe(`the wire aws is at ${aws?.url}, in the run exp-7`)
    expect(await ask(`${slime?.url}/`)).toEqual({ status: 200, answer: 1 })
    expect(await ask(`${url}/reward/slime`)).toMatchObject({ status: 401 })
    expect(await ask(`${aws?.url}/`)).toMatchObject({ status: 401 })
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
  })

  it('answers the requests that run on every port before it stops', async () => {
    const { notices, child, ended } = await start({ WIRE_PORTS: 'slime:0/exp-8', DRAIN_SECONDS: '15' }, 1)
    const port = Number(new URL(notices[0]?.url ?? '').port)
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const head = `POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`
    socket.write(head + body.slice(0, 10))
    // The head has arrived once another connection's request, sent later, is answered.
    expect(await ask(`http://127.0.0.1:${port}/`)).toMatchObject({ status: 200 })
    let received = ''
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString()
    })
    const closed = once(socket, 'close')
    child.kill('SIGTERM')
    await vi.waitFor(
      async () => expect(await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => 'refused')).toBe('refused'),
      10_000,
    )
    socket.write(body.slice(10))
    await closed
    expect(received).toMatch(/^HTTP\/1\.1 200 /)
    expect(received.toLowerCase()).toContain('connection: close')
    expect(await ended).toBe(0)
  })

  it.each([
    [
      'a port that others could use without a key',
      'slime:0.0.0.0:0',
      'its client can send no key, so anyone could use it',
    ],
    ['a wire that does not exist', 'nemo:8001', 'WIRE_PORTS names the wire "nemo", which does not exist'],
    ['an invalid entry', 'slime', 'WIRE_PORTS was "slime"; it must be WIRE:PORT'],
  ])('refuses %s, with the reason', async (_, WIRE_PORTS, reason) => {
    const { written, ended } = spawn({ API_KEYS, WIRE_PORTS })
    expect(await ended).toBe(1)
    expect(written.err).toContain(reason)
  })

  it('says which port it cannot listen on', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = other.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const { written, ended } = spawn({ WIRE_PORTS: `slime:${port}` })
    expect(await ended).toBe(1)
    expect(written.err).toContain(`cannot listen on 127.0.0.1:${port}, which WIRE_PORTS names`)
    other.close()
  })
})
