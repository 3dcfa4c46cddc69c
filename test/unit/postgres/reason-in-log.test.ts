import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { reasonInLog } from '../../../src/postgres/embedded/postmaster.ts'
import { makeFolder, removeFolder } from '../../support/temporary.ts'

let folder: string
beforeEach(() => {
  folder = makeFolder()
})
afterEach(() => removeFolder(folder))

const line = (text: string) => `2026-11-30 03:32:27.009 UTC [30565] ${text}\n`
const started = line('LOG:  starting PostgreSQL 18.4 on x86_64')

function reasonOf(log: string): string {
  const cluster = { data: folder, log: join(folder, 'log'), password: '' }
  writeFileSync(cluster.log, log)
  return reasonInLog(cluster)
}

describe('the reason why an embedded PostgreSQL stopped', () => {
  it('is empty after a SIGKILL, although the recovery before it found the end of the write-ahead log', () => {
    const recovery = [
      'LOG:  invalid record length at 0/180E5A0: expected at least 24, got 0',
      'FATAL:  the database system is not yet accepting connections',
      'LOG:  database system is ready to accept connections',
      'FATAL:  terminating connection due to unexpected postmaster exit',
    ]
    expect(reasonOf(started + recovery.map(line).join(''))).toBe('')
  })

  it('is what the server logs as its own fault since its start', () => {
    const log = line('PANIC:  old') + started + line('PANIC:  could not write to file "pg_wal/xlogtemp.1"')
    expect(reasonOf(log)).toBe('could not write to file "pg_wal/xlogtemp.1"')
    expect(reasonOf(started + line('LOG:  invalid value for parameter "work_mem": "x"'))).toMatch(/^invalid value/)
  })

  it('is what the server writes before its log is set up', () => {
    const text = 'postgres: could not find the database system\nExpected to find it in the directory "/data",\n'
    const file = 'but could not open file "/data/global/pg_control": No such file or directory\n'
    expect(reasonOf(started + text + file)).toBe(
      'could not find the database system; could not open file "/data/global/pg_control": No such file or directory',
    )
  })
})
