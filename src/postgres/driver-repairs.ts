/** A passage of postgres.js that is to read differently. */
export interface Repair {
  /** The file in which it stands. */
  readonly file: 'connection.js' | 'index.js'
  readonly find: string
  /** What shall stand there. */
  readonly put: string
}

/**
 * What postgres.js 3.4.9 needs to survive the loss of its connections under load: of those that came back some never
 * carried a query again, some queries waited for ever, and an exception that belongs to no promise ended the process. A
 * version in which one of these passages reads differently is taken as it is: test/database/postgres/database.test.ts tells what it still
 * needs.
 */
export const losses: readonly Repair[] = [
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
        if (queries.ended) return q.reject(Errors.generic('TRANSACTION_ENDED', 'the transaction has ended'))
        queries.ended = q.tagged && (q.strings[0] === 'commit' || q.strings[0] === 'rollback')
`,
  },
]

/**
 * What it needs to survive a database that says nothing: frozen, or behind a network that swallows. With the option
 * `silence`, in seconds, a query is cancelled when nothing has come for so long, and its connection dropped when nothing
 * comes of that either within another second.
 */
export const silences: readonly Repair[] = [
  {
    file: 'index.js',
    find: '    socket          : o.socket,\n',
    put: '    socket          : o.socket,\n    silence         : o.silence,\n',
  },
  {
    file: 'connection.js',
    find: '  let socket = null\n',
    put: `  const silence = options.silence && setTimeout(giveUp, options.silence * 1000).unref()
  let heard = 0

  function giveUp() {
    if (!query || !socket) return
    const [last, own] = [heard, socket]
    // Where it is only slow, this ends it. On a connection of its own, while this one still stands: a pooler forgets with
    // whose statement a client was busy who has hung up.
    backend.pid && Connection({ ...options, silence: 0 }).cancel(backend, () => {}, () => {})
    setTimeout(() => {
      if (last !== heard || own !== socket) return
      connection.silent = true
      socket.destroy(Errors.connection('CONNECTION_SILENT', options))
    }, Math.min(1, options.silence) * 1000)
  }

  // What is left to do takes milliseconds.
  function hurry() {
    const last = heard
    silence && setTimeout(() => last === heard && giveUp(), Math.min(5, options.silence) * 1000).unref()
  }

  let socket = null
`,
  },
  { file: 'connection.js', find: '    end,\n    count: 0,\n', put: '    end,\n    hurry,\n    count: 0,\n' },
  {
    file: 'connection.js',
    find: ': (query = q, query.active = true)\n',
    put: ': (query = q, query.active = true, silence && silence.refresh())\n',
  },
  {
    file: 'connection.js',
    find: '  function data(x) {\n',
    put: '  function data(x) {\n    heard += 1\n    silence && silence.refresh()\n',
  },
  {
    file: 'connection.js',
    find: '  function connectTimedOut() {\n',
    put: '  function connectTimedOut() {\n    connection.silent = true\n',
  },
  {
    // A transaction that is undone because its time is up: the statement that it waits for was cancelled.
    file: 'index.js',
    find: '      } catch (e) {\n        await (name\n',
    put: '      } catch (e) {\n        name || c.hurry()\n        await (name\n',
  },
  {
    // Who waits for a connection while there is none would wait as long as all before him together.
    file: 'index.js',
    find: '    queries.length && connect(c, queries.shift())\n',
    put: `    if (c.silent && open.length + busy.length + full.length + reserved.length === 0)
      while (queries.length) queries.shift().reject(e)
    c.silent = false
    queries.length && connect(c, queries.shift())
`,
  },
]
