import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { isAccepting } from './accepting.ts'
import type { Cluster } from './postgres.ts'

/** A running PgBouncer. */
export interface Pooler {
  readonly port: number
  stop(): Promise<void>
}

/**
 * Starts a PgBouncer in transaction mode in front of the Postgres at port `behind`.
 *
 * @throws Error when the program is not on the PATH or does not listen.
 */
export async function startPooler(folder: string, cluster: Cluster, behind: number): Promise<Pooler> {
  const { user, password, identity } = cluster
  const home = join(folder, 'pgbouncer')
  mkdirSync(home)
  chmodSync(home, 0o755)
  const port = await freePort()
  const users = join(home, 'users.txt')
  const settings = join(home, 'pgbouncer.ini')
  writeFileSync(users, `"${user}" "${password}"\n`)
  writeFileSync(
    settings,
    [
      ['[databases]', `postgres = host=127.0.0.1 port=${behind} dbname=postgres`],
      [
        '[pgbouncer]',
        'listen_addr = 127.0.0.1',
        `listen_port = ${port}`,
        'unix_socket_dir =',
        'pool_mode = transaction',
      ],
      ['auth_type = scram-sha-256', `auth_file = ${users}`, 'max_client_conn = 1000', 'default_pool_size = 40'],
      // As configured for failovers: retry at once instead of after fifteen seconds.
      ['server_login_retry = 1', 'server_connect_timeout = 3', 'query_wait_timeout = 10', 'log_connections = 0'],
      ['log_disconnections = 0', 'ignore_startup_parameters = extra_float_digits', `logfile = ${join(home, 'log')}`],
    ]
      .flat()
      .join('\n'),
  )
  if (identity) for (const path of [home, users, settings]) chownSync(path, identity.uid, identity.gid)
  const child = spawn('pgbouncer', [settings], { stdio: 'ignore', cwd: '/', ...identity })
  let problem = ''
  child.once('error', (error) => {
    problem = error.message
  })
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  for (let waited = 0; !(await isAccepting(port)); waited += 50) {
    if (problem !== '' || child.exitCode !== null || waited > 10_000) {
      throw new Error(`PgBouncer does not listen: ${problem || `see ${home}/log`}`)
    }
    await sleep(50)
  }
  return {
    port,
    async stop() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = z.object({ port: z.number() }).parse(server.address())
  server.close()
  await once(server, 'close')
  return port
}
