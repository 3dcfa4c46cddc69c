import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { compileFunction } from 'node:vm'
import type Postgres from 'postgres'
import { z } from 'zod'

interface Repair {
  /** The file of postgres.js, what stands in it, and what shall stand there. */
  file: string
  find: string
  put: string
}

// postgres.js 3.4.9 does not survive the loss of its connections under load: of those that came back some never carried
// a query again, some queries waited for ever, and an exception that belongs to no promise ended the process. A version
// in which one of these passages reads differently is taken as it is: test/database.test.ts tells what it still needs.
const repairs: readonly Repair[] = [
  {
    // porsager/postgres#1208: a write after the loss is an uncaught TypeError. Its query is to fail instead.
    file: 'connection.js',
    find: '    const x = socket.write(chunk, fn)\n',
    put: `    if (!socket) {
      chunk = nextWriteTimer = null
      error(Errors.connection('CONNECTION_CLOSED', options))
      return true
    }
    const x = socket.write(chunk, fn)
`,
  },
  {
    // porsager/postgres#1168: a write that was pending at the loss blocks all later ones on the new connection.
    file: 'connection.js',
    find: "    clearImmediate(nextWriteTimer)\n    socket.removeListener('data', data)\n",
    put: "    clearImmediate(nextWriteTimer)\n    chunk = nextWriteTimer = null\n    socket.removeListener('data', data)\n",
  },
  {
    // porsager/postgres#1193: when a proxy accepts and hangs up, its server being away, the query never fails.
    file: 'connection.js',
    find: '    if (initial)\n      return reconnect()\n',
    put: `    if (initial && options.host.length > 1)
      return reconnect()
    initial && error(Errors.connection('CONNECTION_CLOSED', options))
`,
  },
  {
    // What is asked between the error and the close that follows it was neither answered nor failed, and the new
    // connection waited for its answer.
    file: 'connection.js',
    find: "    !hadError && (query || sent.length) && error(Errors.connection('CONNECTION_CLOSED', options, socket))\n",
    put: `    ;(query || sent.length) && error(Errors.connection('CONNECTION_CLOSED', options))
    query = null
`,
  },
  {
    // The library asks for the array types on each new connection; nobody was told when that failed, save the process.
    file: 'connection.js',
    find: '        return fetchArrayTypes()\n',
    put: '        return fetchArrayTypes().catch(() => {})\n',
  },
  {
    // porsager/postgres#1155: what is left of a lost transaction would be executed outside of any.
    file: 'index.js',
    find: 'new Promise((_, reject) => connection.onclose = reject)',
    put: 'new Promise((_, reject) => connection.onclose = (e) => (queries.lost = e, reject(e)))',
  },
  {
    // So would be what somebody asks of a transaction that has ended: in the midst of the next one on its connection.
    file: 'index.js',
    find: '        q.catch(e => uncaughtError || (uncaughtError = e))\n',
    put: `        q.catch(e => uncaughtError || (uncaughtError = e))
        if (queries.lost) return q.reject(queries.lost)
        if (q.tagged && (q.strings[0] === 'commit' || q.strings[0] === 'rollback'))
          queries.lost = Errors.generic('TRANSACTION_ENDED', 'the transaction has ended')
`,
  },
]

/** The Postgres client library, postgres.js, with what it lacks to survive the loss of a connection. */
export const postgres: typeof Postgres = load()

function load(): typeof Postgres {
  const entry = createRequire(import.meta.url).resolve('postgres')
  const loaded = new Map<string, { exports: unknown }>()
  const fromOutside = createRequire(entry)

  function evaluate(file: string): unknown {
    const known = loaded.get(file)
    if (known) return known.exports
    const module = { exports: {} }
    loaded.set(file, module)
    const parameters = ['exports', 'require', 'module', '__filename', '__dirname']
    const run = compileFunction(repaired(file), parameters, { filename: file })
    const require = (name: string): unknown =>
      name.startsWith('.') ? evaluate(join(dirname(file), name)) : fromOutside(name)
    run(module.exports, require, module, file, dirname(file))
    return module.exports
  }

  return z.custom<typeof Postgres>((value) => typeof value === 'function').parse(evaluate(entry))
}

function repaired(file: string): string {
  const source = readFileSync(file, 'utf8')
  return repairs
    .filter((repair) => repair.file === basename(file))
    .reduce((text, { find, put }) => text.replace(find, () => put), source)
}
