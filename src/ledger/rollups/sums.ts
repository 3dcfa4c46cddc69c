import type { TransactionSql } from 'postgres'
import { stringifyExactly } from '../../base/exact-json.ts'
import { execute } from '../statement.ts'
import { addStats, type Stats } from './stats.ts'
import { createTally, type Tally } from './tally.ts'

/** The kinds of buckets. */
export type BucketKind = 'total' | 'burst' | 'visit' | 'minute'

interface Row {
  readonly run: string
  readonly kind: BucketKind
  readonly bucket: number
  /** Milliseconds since 1970. */
  readonly first_at: number
  readonly last_at: number
  readonly stats: Stats
}

/** A burst of a run, and in it a visit of an item, unless the rollouts have none. */
export interface SumPlace {
  readonly burst: number
  readonly visit: number | null
}

interface Counted {
  readonly run: string
  readonly tally: Tally
  readonly place: SumPlace | undefined
  readonly minute: number
  first: number
  last: number
}

/** Collects facts by their buckets, and adds them to the stored sums. */
export interface Sums {
  /** The tally of a burst, and with it of the item's visit and of the run. */
  at(run: string, place: SumPlace, begunAt: number): Tally
  /** The tally of the minute of a time in milliseconds. */
  in(run: string, at: number): Tally
  /** Adds all that was collected to the stored sums. */
  write(tx: TransactionSql): Promise<void>
}

/** Creates empty sums. */
export function createSums(): Sums {
  const counted = new Map<string, Counted>()
  const tallyOf = (key: string, made: Omit<Counted, 'tally' | 'first' | 'last'>, at: number): Tally => {
    const known = counted.get(key)
    if (known === undefined) {
      const tally = createTally()
      counted.set(key, { run: made.run, place: made.place, minute: made.minute, tally, first: at, last: at })
      return tally
    }
    known.first = Math.min(known.first, at)
    known.last = Math.max(known.last, at)
    return known.tally
  }
  return {
    at: (run, place, begunAt) =>
      tallyOf(`${run}/b${place.burst}/${place.visit ?? ''}`, { run, place, minute: 0 }, begunAt),
    in(run, at) {
      const minute = Math.floor(at / 60_000)
      return tallyOf(`${run}/m${minute}`, { run, place: undefined, minute }, at)
    },
    async write(tx) {
      const rows = new Map<string, Row>()
      const add = (run: string, kind: BucketKind, bucket: number, { first, last }: Counted, stats: Stats) => {
        const key = `${run}/${kind}/${bucket}`
        const known = rows.get(key)
        rows.set(key, {
          run,
          kind,
          bucket,
          first_at: Math.min(first, known?.first_at ?? first),
          last_at: Math.max(last, known?.last_at ?? last),
          stats: known === undefined ? stats : addStats(known.stats, stats),
        })
      }
      for (const one of counted.values()) {
        const { run, place, minute, tally } = one
        const stats = tally.stats()
        if (place === undefined) {
          add(run, 'minute', minute, one, stats)
          continue
        }
        add(run, 'burst', place.burst, one, stats)
        if (place.visit !== null) add(run, 'visit', place.visit, one, stats)
        add(run, 'total', 0, one, stats)
      }
      await addRows(tx, [...rows.values()])
    },
  }
}

const keyColumns = 'run text, kind text, bucket int8'

async function addRows(tx: TransactionSql, rows: readonly Row[]): Promise<void> {
  if (rows.length === 0) return
  const keys = rows.map(({ run, kind, bucket }) => ({ run, kind, bucket }))
  const stored = await execute<Pick<Row, 'run' | 'kind' | 'bucket' | 'stats'>>(tx, {
    text: `
      select r.run, r.kind, r.bucket::float8 as bucket, r.stats from rollups r
      join jsonb_to_recordset($1::text::jsonb) as k(${keyColumns}) on k.run = r.run and k.kind = r.kind and k.bucket = r.bucket`,
    values: [JSON.stringify(keys)],
  })
  const before = new Map(stored.map((row) => [`${row.run}/${row.kind}/${row.bucket}`, row.stats]))
  const written = rows.map((row) => {
    const stats = before.get(`${row.run}/${row.kind}/${row.bucket}`)
    return stats === undefined ? row : { ...row, stats: addStats(stats, row.stats) }
  })
  const text = `
    insert into rollups as r (run, kind, bucket, first_at, last_at, stats)
    select run, kind, bucket, to_timestamp(first_at / 1000), to_timestamp(last_at / 1000), stats
    from jsonb_to_recordset($1::text::jsonb) as i(${keyColumns}, first_at float8, last_at float8, stats jsonb)
    on conflict (run, kind, bucket) do update set first_at = least(r.first_at, excluded.first_at),
      last_at = greatest(r.last_at, excluded.last_at), stats = excluded.stats`
  await execute(tx, { text, values: [stringifyExactly(written)] })
}
