import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createFolder } from '../../../src/ledger/rollups/folder.ts'
import { useDatabase } from '../../support/database.ts'

const { sql } = useDatabase()

it('one replica folds turn after turn, and another one takes over when it stops', async () => {
  const first = createFolder(sql, {}, 1)
  const second = createFolder(sql, {}, 1)
  expect(await first()).toBe('done')
  expect(await second()).toBe('busy')
  expect(await first()).toBe('done')
  expect(await second()).toBe('busy')
  await sleep(1_200)
  expect(await second()).toBe('done')
  expect(await first()).toBe('busy')
})
