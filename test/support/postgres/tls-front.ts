import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { z } from 'zod'

/** Files of certificates, made with `openssl`. */
export interface Certificates {
  /** The authority that signed the others. */
  readonly root: string
  /** An authority that signed none of them. */
  readonly otherRoot: string
  /** A server's, for the name `localhost` alone. */
  readonly server: Pair
  readonly client: Pair
  /** The client's, with a key that the passphrase `secret` opens. */
  readonly encryptedKey: string
}

interface Pair {
  readonly cert: string
  readonly key: string
}

/** Makes certificates in a folder. */
export function makeCertificates(folder: string): Certificates {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' })
  const keyArguments = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const authority = (name: string) => {
    openssl('req', '-x509', ...keyArguments, '-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', `/CN=${name}`)
    return join(folder, `${name}.crt`)
  }
  const signed = (name: string, subject: string, names: string): Pair => {
    openssl('req', ...keyArguments, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject)
    writeFileSync(join(folder, `${name}.ext`), names)
    const signature = ['-CA', 'root.crt', '-CAkey', 'root.key', '-CAcreateserial', '-extfile', `${name}.ext`]
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.crt`, ...signature)
    return { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) }
  }
  const [root, otherRoot] = [authority('root'), authority('other')]
  const server = signed('server', '/CN=localhost', 'subjectAltName=DNS:localhost\n')
  const client = signed('client', '/CN=scorekeeper', 'extendedKeyUsage=clientAuth\n')
  openssl('pkcs8', '-topk8', '-in', 'client.key', '-out', 'encrypted.key', '-passout', 'pass:secret')
  return { root, otherRoot, server, client, encryptedKey: join(folder, 'encrypted.key') }
}

/** Takes TLS connections for a Postgres without TLS, as a server with `ssl = on` does. */
export interface TlsFront {
  readonly port: number
  /** Of each connection: the name in the client's certificate, `none` without one, and `plain` without TLS. */
  readonly clients: string[]
  close(): Promise<void>
}

/** Starts a {@link TlsFront}. */
export async function startTlsFront(target: string, certificates: Certificates): Promise<TlsFront> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const clients: string[] = []
  const relay = (client: Socket) => {
    const server = connect(Number(port || 5432), hostname)
    sockets.add(server)
    client.on('error', () => {}).on('close', () => server.destroy())
    server.on('error', () => {}).on('close', () => client.destroy())
    client.pipe(server).pipe(client)
  }
  const files = { cert: readFileSync(certificates.server.cert), key: readFileSync(certificates.server.key) }
  const trust = { ca: readFileSync(certificates.root), requestCert: true, rejectUnauthorized: false }
  const secured = createTlsServer({ ...files, ...trust }, (socket) => {
    clients.push(socket.authorized ? String(socket.getPeerCertificate().subject.CN) : 'none')
    relay(socket)
  })
  const listener = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    socket.once('data', (first) => {
      socket.pause()
      if (first.length !== 8 || first.readInt32BE(4) !== 80_877_103) {
        clients.push('plain')
        socket.unshift(first)
        return relay(socket)
      }
      socket.write('S')
      secured.emit('connection', socket)
    })
  }).listen(0)
  await once(listener, 'listening')
  return {
    port: z.object({ port: z.number() }).parse(listener.address()).port,
    clients,
    async close() {
      listener.close()
      for (const socket of sockets) socket.destroy()
      if (listener.listening) await once(listener, 'close')
    },
  }
}
