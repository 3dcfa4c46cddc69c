import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { question } from '../../environment/reports.ts'
import { useDatabase } from '../../support/database.ts'
import { orsClient } from '../../support/ors/client.ts'
import { addressOf, kill, logOf, spawnServer } from '../../support/server-process.ts'
import { useFolder } from '../../support/temporary.ts'

const database = useDatabase()
const folder = useFolder()

const rows = [question(3), question(5)]
const lines = rows.map((row) => `${JSON.stringify(row)}\n`).join('')

describe('a server with datasets', () => {
  it('serves their tasks from a relative path and from gzip, and stops gracefully', async () => {
    writeFileSync(join(folder, 'train.jsonl'), lines)
    writeFileSync(join(folder, 'test.jsonl.gz'), gzipSync(lines))
    const DATASETS = 'train:train.jsonl, test:test.jsonl.gz'
    const server = spawnServer(folder, { PORT: '0', DATABASE_URL: database.url, DATASETS })
    const url = await addressOf(server)
    const client = orsClient((path, init) => fetch(`${url}${path}`, init))
    const splits = [
      { name: 'train', type: 'train' },
      { name: 'test', type: 'test' },
    ]
    expect(await client.get('/splits')).toEqual({ status: 200, body: splits })
    const tasks = rows.map(({ messages }) => ({ messages }))
    expect(await client.post('/tasks', { split: 'test' })).toMatchObject({ body: { tasks } })
    const sid = await client.begin({ task_spec: tasks[1] ?? {} })
    expect(await client.get('/prompt', sid)).toMatchObject({
      body: [{ text: 'Answer with the number alone.' }, { text: 'what was the revenue of company 5?' }],
    })
    expect((await client.call(sid, 'submit', { answer: '1005.5' })).result).toMatchObject({ output: { reward: 1 } })
    expect(logOf(server)).toContainEqual(expect.objectContaining({ split: 'test', rows: 2 }))
    server.child.kill('SIGTERM')
    expect(await server.ended).toBe(0)
    await kill(server)
  })

  it('does not start with a row that does not fit, and says which', async () => {
    writeFileSync(join(folder, 'bad.jsonl'), `${lines}${JSON.stringify({ ...question(7), reference_answer: null })}\n`)
    const server = spawnServer(folder, { PORT: '0', DATABASE_URL: database.url, DATASETS: 'dev:bad.jsonl' })
    expect(await server.ended).toBe(1)
    expect(server.written.err).toContain(
      'DATASETS: the split "dev" cannot be served: bad.jsonl, line 3, does not fit the environment: item.reference_answer',
    )
  })
})
