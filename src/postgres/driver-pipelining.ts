/** A passage of postgres.js and its replacement. */
export interface Repair {
  /** The name of the file that has the passage. */
  readonly file: 'connection.js' | 'errors.js' | 'index.js' | 'queue.js'
  /** The passage, which the file must contain exactly once. */
  readonly find: string
  /** The replacement. */
  readonly put: string
}

/**
 * Transactions whose options begin with `early`: their first statements are sent together with the `begin`. If the `begin`
 * fails, all later statements are rejected, and Postgres skips the first ones if the connection prepares its statements.
 * Otherwise those are executed without a transaction, so they must change nothing.
 */
const early: readonly Repair[] = [
  {
    file: 'index.js',
    find: "      await sql.unsafe('begin ' + options.replace(/[^a-z ]/ig, ''), [], { onexecute }).execute()\n",
    put: `      const early = options.startsWith('early ')
      options = early ? options.slice(6) : options
      const joined = early && sql.options.prepare
      const how = { onexecute, joined, prepare: joined, simple: !joined }
      const begun = sql.unsafe('begin ' + options.replace(/[^a-z ]/ig, ''), [], how).execute()
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

/**
 * The option `joined` of a query: it is sent without a Sync, so that Postgres answers it together with the next query that
 * has one, in one packet. That one must follow at once, in the same transaction. If a joined query fails, Postgres skips all
 * that was sent behind it up to the next Sync; those queries fail with the same error. A commit among them is sent again,
 * because it has to end the transaction.
 */
const joined: readonly Repair[] = [
  {
    // What is prepared first, or sent as text, has an answer of its own.
    file: 'connection.js',
    find: '    q.statement = q.prepared\n',
    put: `    q.joined = q.options.joined && options.prepare && !q.options.simple && !q.describeFirst
    q.statement = q.prepared
`,
  },
  {
    file: 'connection.js',
    find: '        : ExecuteUnnamed\n',
    put: '        : q.joined ? ExecuteUnnamed.subarray(0, -Sync.length) : ExecuteUnnamed\n',
  },
  {
    // After it the connection is not full: the answer for which a full connection waits may need the next Sync.
    file: 'connection.js',
    find: '      return write(toBuffer(q))\n',
    put: '      return (write(toBuffer(q)) || q.joined)\n',
  },
  {
    // A transaction's waiting statements are sent one after the other, each after the answer to the one before.
    file: 'index.js',
    find: '      c.reserved = () => queries.length\n        ? c.execute(queries.shift())\n        : move(c, reserved)\n',
    put: `      c.reserved = () => {
        let sent
        do {
          if (queries.length === 0)
            return move(c, reserved)
          c.execute(sent = queries.shift())
        } while (sent.joined)
      }
`,
  },
  {
    file: 'connection.js',
    find: '  function ParseComplete() {\n',
    put: `  function next() {
    while (sent.length && (query = sent.shift()) && (query.active = true, query.cancelled))
      Connection(options).cancel(query.state, query.cancelled.resolve, query.cancelled.reject)
  }

  function endJoined() {
    query.resolve(results || result)
    query = results = null
    result = new Result()
    next()
    query || connection.reserved && connection.reserved()
  }

  function skip() {
    let last = query
    const isLast = () => !(last.joined || last.describeFirst || last.cursorFn || last.options.simple)
    while (sent.length && !isLast()) skipped.push(last = sent.shift())
    isLast() || write(Sync)
  }

  function ParseComplete() {
`,
  },
  {
    file: 'connection.js',
    find: '    if (query.options.simple)\n      return BindComplete()\n',
    put: `    if (query.joined)
      return endJoined()

    if (query.options.simple)
      return BindComplete()
`,
  },
  { file: 'connection.js', find: '    , stream = null\n', put: '    , stream = null\n    , skipped = []\n' },
  {
    file: 'connection.js',
    find: '      (query.cursorFn || query.describeFirst) && write(Sync)\n      errorResponse =',
    put: '      query.joined ? skip() : (query.cursorFn || query.describeFirst) && write(Sync)\n      errorResponse =',
  },
  {
    file: 'connection.js',
    find: '    query && queryError(query, err)\n',
    put: `    query && queryError(query, err)
    while (skipped.length)
      queryError(skipped.shift(), err)
`,
  },
  {
    file: 'connection.js',
    find: '  function ReadyForQuery(x) {\n    if (query) {\n      if (errorResponse) {\n',
    put: `  function ReadyForQuery(x) {
    const last = skipped[skipped.length - 1]
    const commit = last && last.tagged && last.strings[0] === 'commit' && x[5] === 69 && skipped.pop() // E

    if (query) {
      if (errorResponse) {
        query.joined && retryRoutines.has(errorResponse.routine) && delete statements[query.signature]
`,
  },
  {
    file: 'connection.js',
    find: '          : query.prepared && retryRoutines',
    put: '          : query.prepared && !query.joined && retryRoutines',
  },
  {
    file: 'connection.js',
    find: '    query = results = errorResponse = null\n    result = new Result()\n    connectTimer.cancel()\n',
    put: `    query = results = errorResponse = null
    result = new Result()
    rows = 0
    connectTimer.cancel()

    if (commit)
      return void execute(commit)
`,
  },
]

/**
 * A write to a socket is what a statement costs most. The driver joins what is written in one turn of the event loop, but
 * not what is longer than 1 kB: a call with its output, and the commit right behind it, were two writes.
 */
const writes: readonly Repair[] = [
  {
    file: 'connection.js',
    find: '    if (fn || chunk.length >= 1024)\n',
    put: '    if (fn || chunk.length >= 65536)\n',
  },
]

/** What saves round trips, answers and writes; docs/dependencies.md says how much. */
export const pipelining: readonly Repair[] = [...early, ...joined, ...writes]
