import { readFileSync } from 'node:fs'
import type { Sql } from 'postgres'

/** Seconds of processor time that processes have used; undefined where the system does not tell (Linux does). */
export function cpuSeconds(pids: readonly number[]): number | undefined {
  let ticks = 0
  for (const pid of pids) {
    try {
      // After the name in brackets, which may hold anything: the 12th and 13th field are times in user and system mode.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
      ticks += Number(fields[11]) + Number(fields[12])
    } catch {
      return undefined
    }
  }
  return ticks / 100
}

/** The process ids of Postgres and its connections; none when it is on another machine. */
export async function postgresPids(sql: Sql): Promise<number[]> {
  const rows = await sql<{ pid: number }[]>`select pid from pg_stat_activity`
  const isHere = (pid: number) => {
    try {
      return readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('postgres')
    } catch {
      return false
    }
  }
  return rows.map(({ pid }) => pid).filter(isHere)
}
