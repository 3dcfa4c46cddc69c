import { fileURLToPath } from 'node:url'
import { expect, it, vi } from 'vitest'
import { withCodeHashes } from '../../../../src/runtime/code-hash.ts'
import { graders } from '../../../environment/graders/index.ts'
import { useDatabase } from '../../../support/database.ts'
import { addressOf, logOf, type ServerProcess, spawnServer } from '../../../support/server-process.ts'
import { useFolder } from '../../../support/temporary.ts'

const database = useDatabase()
const folder = useFolder()

/** Starts the server, runs the work, and returns its log lines once it has ended. */
async function served(work: (server: ServerProcess, url: string) => Promise<void>) {
  const server = spawnServer(folder, { DATABASE_URL: database.url, PORT: '0' })
  try {
    await work(server, await addressOf(server))
  } finally {
    server.child.kill('SIGTERM')
    await server.ended
  }
  return logOf(server)
}

it('a server warns at its start that a grader changed and its version did not, until the current code has graded', {
  timeout: 60_000,
}, async () => {
  const [answer] = await withCodeHashes(graders, fileURLToPath(new URL('../../../environment/', import.meta.url)))
  if (answer === undefined) throw new Error('no grader is shipped')
  await database.sql`
    with rollout as (insert into rollouts (run, id, item_hash) values ('default', 'early', 'i') returning run, number)
    insert into grades (run, rollout, grader, version, code_hash, source, sample_hash, sample, item_hash, outcome, score, duration_ms)
    select run, number, ${answer.name}, ${answer.version}, 'another', 'trainer', 's', '{}', 'i', 'scored', 0.5, 1 from rollout`

  const first = await served(async (server, url) => {
    await vi.waitFor(() => expect(server.written.out).toContain('grader_changed'), { timeout: 10_000 })
    const body = { trace_id: 'late', sample: { output_text: '5' }, item: { messages: [], reference_answer: '5' } }
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${url}/grade`, { method: 'POST', headers, body: JSON.stringify(body) })
    expect(answer.status).toBe(200)
  })
  const warning = first.find((line) => line['code'] === 'grader_changed')
  expect(warning).toMatchObject({ level: 'warn', grader: 'answer', before: 'another', now: answer.codeHash })

  const [row] = await database.sql`select code_hash from ledger.gradings where rollout_id = 'late'`
  expect(row?.['code_hash']).toBe(answer.codeHash)
  const second = await served(async (_, url) => {
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
  })
  expect(second.map((line) => line['code'])).not.toContain('grader_changed')
})
