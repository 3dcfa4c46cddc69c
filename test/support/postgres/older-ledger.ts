import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Sql } from 'postgres'
import { z } from 'zod'
import { migrate, migrationFolders } from '../../../src/postgres/migrate.ts'

const journal = z.object({ entries: z.array(z.object({ tag: z.string() })) })

/** Migrates a database to the ledger's tables of before runs and attempts; `folder` is for temporary files. */
export async function migrateToOlderLedger(url: string, folder: string): Promise<void> {
  const ledger = join(folder, 'older-ledger')
  mkdirSync(join(ledger, 'meta'), { recursive: true })
  const text = readFileSync(join(migrationFolders.ledger, 'meta', '_journal.json'), 'utf8')
  const entries = journal.parse(JSON.parse(text)).entries.slice(0, 5)
  const whole: { entries: unknown[] } = JSON.parse(text)
  writeFileSync(join(ledger, 'meta', '_journal.json'), JSON.stringify({ ...whole, entries: whole.entries.slice(0, 5) }))
  for (const { tag } of entries) copyFileSync(join(migrationFolders.ledger, `${tag}.sql`), join(ledger, `${tag}.sql`))
  await migrate(url, { ledger, environment: join(folder, 'no-environment') })
}

/**
 * Fills the older tables: `rollouts` rollouts of 50 items with `calls` calls each, of every outcome, and gradings of every
 * kind. Every tenth rollout was used within the last hour.
 */
export async function fillOlderLedger(sql: Sql, rollouts: number, calls: number): Promise<void> {
  await sql`
    insert into items (hash, content, created_at, last_used_at)
    select 'item-' || n, jsonb_build_object('n', n), now() - interval '3 days', now() - interval '2 days'
    from generate_series(1, 50) n`
  // Ids and times in different orders.
  await sql`
    insert into rollouts (id, item_hash, calls, state, created_at)
    select md5(n::text), 'item-' || n % 50 + 1, ${calls}::int, case when n % 3 = 0 then jsonb_build_object('notes', n) end,
      case when n % 10 = 0 then now() - interval '20 minutes' else now() - interval '2 days' end + make_interval(secs => n / 100.0)
    from generate_series(1, ${rollouts}::int) n`
  await sql`
    insert into tool_calls (rollout_id, call_id, seq, tool, arguments, outcome, output, code, cause, attempt, claim,
      lease_until, started_at, finished_at)
    select r.id, 'call-' || seq, seq, 'search', jsonb_build_object('query', seq), outcome, 'page ' || seq,
      case when outcome in ('refused', 'failed') then 'a_code' end,
      case outcome when 'failed' then jsonb_build_object('message', 'broken') end, 1 + seq % 2,
      case outcome when 'running' then 'claim-' || r.id end,
      case outcome when 'running' then r.created_at + interval '5 minutes' end,
      r.created_at + make_interval(secs => seq),
      case when outcome <> 'running' then r.created_at + make_interval(secs => seq + 0.5) end
    from rollouts r cross join lateral (
      select seq, (array['ok', 'ok', 'refused', 'failed', 'running'])[1 + (seq + hashtext(r.id) & 255) % 5] as outcome
      from generate_series(1, ${calls}::int) seq
    ) c`
  // A score, the same sample with another item that failed, and a re-grading; the last third has none.
  await sql`
    insert into grades (rollout_id, grader, version, code_hash, source, sample_hash, sample, item_hash, outcome, score,
      parts, reason, code, duration_ms, created_at)
    select r.id, 'finqa', version, 'code', source, 'sample', '{"output_text": "94"}', r.item_hash || other, outcome,
      case outcome when 'scored' then 0.5 end, '{"answer": 1}', 'a reason', case outcome when 'failed' then 'a_code' end, 1.5,
      r.created_at + interval '2 minutes' + make_interval(secs => later)
    from rollouts r cross join (values
      ('1', 'trainer', 'failed', '', 0), ('1', 'trainer', 'failed', '-other', 1), ('1', 'trainer', 'scored', '', 2),
      ('2', 'regrade', 'scored', '', 3)) as g(version, source, outcome, other, later)
    where hashtext(r.id) & 3 < 3`
}

/** A statement of an older build. */
export interface OlderStatement {
  readonly name: string
  readonly text: string
  readonly values: readonly (string | null)[]
}

/** The statements with which the builds before runs and attempts record, replay, read and grade. */
export function olderStatements(): readonly OlderStatement[] {
  const file = readFileSync(new URL('statements-before-runs.sql', import.meta.url), 'utf8')
  return file
    .split('\n\n-- ')
    .slice(1)
    .map((block) => {
      const [name = '', values = '', ...lines] = block.split('\n')
      const given = z.array(z.string().nullable()).parse(JSON.parse(values.slice('-- '.length)))
      return { name, values: given, text: lines.join('\n').trim().replace(/;$/u, '') }
    })
}
