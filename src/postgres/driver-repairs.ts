/** A passage of postgres.js and its replacement. */
export interface Repair {
  /** The name of the file that has the passage. */
  readonly file: 'connection.js' | 'errors.js' | 'index.js' | 'queue.js'
  /** The passage, which the file must contain exactly once. */
  readonly find: string
  /** The replacement. */
  readonly put: string
}

/** The property that marks an error as coming from a connection of this driver. */
export const driverMark: unique symbol = Symbol.for('scorekeeper.driver')

/**
 * What postgres.js 3.4.9 needs to survive the loss of its connections under load. Without these, some of the new
 * connections never carry a query, some queries wait forever, and an exception outside of any promise ends the process.
 */
const losses: readonly Repair[] = [
  {
    // porsager/postgres#1208: a write after the loss is an uncaught TypeError. Now its query fails.
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
    // porsager/postgres#1193: when a proxy accepts a connection and closes it, the query never fails.
    file: 'connection.js',
    find: '    if (initial)\n      return reconnect()\n',
    put: `    if (initial && options.host.length > 1)
      return reconnect()
    initial && error(Errors.connection('CONNECTION_CLOSED', options))
`,
  },
  {
    // A query that is sent between the error and the close that follows it neither succeeded nor failed, and the new
    // connection waited for its answer.
    file: 'connection.js',
    find: "    !hadError && (query || sent.length) && error(Errors.connection('CONNECTION_CLOSED', options, socket))\n",
    put: `    ;(query || sent.length) && error(Errors.connection('CONNECTION_CLOSED', options))
    query = null
`,
  },
  {
    // After a query that failed behind some of its rows, the answer to the next one began with as many empty places.
    file: 'connection.js',
    find: '    query = results = errorResponse = null\n',
    put: '    query = results = errorResponse = null\n    rows = 0\n',
  },
  {
    // The library reads the array types on each new connection; a failure was an unhandled rejection.
    file: 'connection.js',
    find: '        return fetchArrayTypes()\n',
    put: '        return fetchArrayTypes().catch(() => {})\n',
  },
  {
    // porsager/postgres#1155: the remaining statements of a lost transaction were executed outside of any transaction.
    file: 'index.js',
    find: 'new Promise((_, reject) => connection.onclose = reject)',
    put: 'new Promise((_, reject) => connection.onclose = (e) => (queries.lost = e, reject(e)))',
  },
  {
    // So were statements of a transaction that had ended: inside the next transaction on its connection.
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
 * The option `silence`, in seconds, for a database that stops answering: one that is frozen, or behind a network that
 * drops packets. A query is cancelled when nothing was received for that time, and its connection is dropped when nothing
 * is received within another second. docs/dependencies.md says why this cannot be done outside of the library.
 */
const silences: readonly Repair[] = [
  {
    file: 'index.js',
    find: '    socket          : o.socket,\n',
    put: '    socket          : o.socket,\n    silence         : o.silence,\n',
  },
  {
    file: 'connection.js',
    find: '  let socket = null\n',
    put: `  const silence = options.silence && setTimeout(giveUp, options.silence * 1000).unref()
  let received = 0

  function giveUp() {
    if (!query || !socket) return
    const [last, own] = [received, socket]
    // Ends a statement that is only slow. On a connection of its own, while this one is still open: a pooler forgets
    // the statement of a client that has disconnected.
    backend.pid && Connection({ ...options, silence: 0 }).cancel(backend, () => {}, () => {})
    setTimeout(() => {
      if (last !== received || own !== socket) return
      connection.silent = true
      socket.destroy(Errors.connection('CONNECTION_SILENT', options))
    }, Math.min(1, options.silence) * 1000)
  }

  // The rollback that follows takes milliseconds.
  function shorten() {
    const last = received
    silence && setTimeout(() => last === received && giveUp(), Math.min(5, options.silence) * 1000).unref()
  }

  let socket = null
`,
  },
  { file: 'connection.js', find: '    end,\n    count: 0,\n', put: '    end,\n    shorten,\n    count: 0,\n' },
  {
    file: 'connection.js',
    find: ': (query = q, query.active = true)\n',
    put: ': (query = q, query.active = true, silence && silence.refresh())\n',
  },
  {
    file: 'connection.js',
    find: '  function data(x) {\n',
    put: '  function data(x) {\n    received += 1\n    silence && silence.refresh()\n',
  },
  {
    file: 'connection.js',
    find: '  function connectTimedOut() {\n',
    put: '  function connectTimedOut() {\n    connection.silent = true\n',
  },
  {
    // A transaction is rolled back because its time is up: the statement that it waits for was cancelled.
    file: 'index.js',
    find: '      } catch (e) {\n        await (name\n',
    put: '      } catch (e) {\n        name || c.shorten()\n        await (name\n',
  },
  {
    // Queries that wait for a connection while there is none would time out one after the other.
    file: 'index.js',
    find: '    queries.length && connect(c, queries.shift())\n',
    put: `    if (c.silent && open.length + busy.length + full.length + reserved.length === 0)
      while (queries.length) queries.shift().reject(e)
    c.silent = false
    queries.length && connect(c, queries.shift())
`,
  },
]

/** Marks the errors of connections, to distinguish them from network failures in tools, {@link driverMark}. */
const marks: readonly Repair[] = [
  {
    file: 'errors.js',
    find: '  Error.captureStackTrace(error, connection)\n',
    put: `  Error.captureStackTrace(error, connection)\n  error[Symbol.for('${driverMark.description}')] = true\n`,
  },
  {
    // What a socket reports: ECONNREFUSED, ENOTFOUND, an error of TLS.
    file: 'connection.js',
    find: '  function error(err) {\n',
    put: `  function error(err) {\n    Object(err)[Symbol.for('${driverMark.description}')] = true\n`,
  },
]

/**
 * Transactions whose options begin with `early`: their first statements are sent together with the `begin`. If the `begin`
 * fails, those are executed without a transaction, and all later ones are rejected. So they must change nothing.
 */
const early: readonly Repair[] = [
  {
    file: 'index.js',
    find: "      await sql.unsafe('begin ' + options.replace(/[^a-z ]/ig, ''), [], { onexecute }).execute()\n",
    put: `      const early = options.startsWith('early ')
      options = early ? options.slice(6) : options
      const begun = sql.unsafe('begin ' + options.replace(/[^a-z ]/ig, ''), [], { onexecute }).execute()
      begun.catch(e => queries.lost = queries.lost || e)
      await (early ? Promise.race([begun, new Promise(resolve => queries.sent = resolve)]) : begun)
`,
  },
  {
    file: 'index.js',
    find: '    function onexecute(c) {\n      connection = c\n',
    put: '    function onexecute(c) {\n      connection = c\n      queries.sent && queries.sent()\n',
  },
  {
    // The connection of a transaction stays reserved, so that it takes statements before the begin is answered.
    file: 'index.js',
    find: '    return c.execute(query)\n      ? move(c, busy)\n      : move(c, full)\n',
    put: `    const ready = c.execute(query)
    return c.queue === reserved ? c : move(c, ready ? busy : full)
`,
  },
  {
    file: 'index.js',
    find: '    ready\n      ? move(c, busy)\n      : move(c, full)\n',
    put: '    c.queue === reserved || move(c, ready ? busy : full)\n',
  },
]

/** The connection that was used last is used first: the caches of its backend are warm. */
const warm: readonly Repair[] = [
  {
    file: 'queue.js',
    find: '    push: (x) => (xs.push(x), x),\n',
    put: `    push: (x) => (xs.push(x), x),
    pop: () => {
      const out = xs.pop()
      if (index === xs.length) {
        index = 0
        xs = []
      }
      return out
    },
`,
  },
  { file: 'index.js', find: '      return go(open.shift(), query)\n', put: '      return go(open.pop(), query)\n' },
]

/**
 * Nagle's algorithm holds back the end of a statement until the server has acknowledged its beginning, and Linux may delay
 * that by 40 ms: then a connection has some twelve statements a second, for as long as its traffic keeps that rhythm. Clients
 * of Postgres switch it off, as libpq does.
 */
const prompt: readonly Repair[] = [
  {
    file: 'connection.js',
    find: '      keep_alive && socket.setKeepAlive && socket.setKeepAlive(true, 1000 * keep_alive)\n',
    put: `      socket.setNoDelay && socket.setNoDelay(true)
      keep_alive && socket.setKeepAlive && socket.setKeepAlive(true, 1000 * keep_alive)
`,
  },
]

/**
 * A write to a socket is what a statement costs most. The driver joins what is written in one turn of the event loop, but
 * not what is longer than 1 kB: a call with its output, and the commit right behind it, were two writes.
 */
const joined: readonly Repair[] = [
  {
    file: 'connection.js',
    find: '    if (fn || chunk.length >= 1024)\n',
    put: '    if (fn || chunk.length >= 65536)\n',
  },
]

/** How many connections a client uses, and how many queries wait for one: what an operator asks first when calls are slow. */
const usage: readonly Repair[] = [
  {
    file: 'index.js',
    find: '    get parameters() { return options.parameters },\n',
    put: `    get parameters() { return options.parameters },
    usage: () => ({
      size: connections.length,
      busy: connecting.length + busy.length + full.length + reserved.length,
      waiting: queries.length
    }),
`,
  },
]

/** All repairs, in the order in which they are applied. */
export const repairs: readonly Repair[] = [
  ...losses,
  ...silences,
  ...marks,
  ...early,
  ...warm,
  ...prompt,
  ...joined,
  ...usage,
]
