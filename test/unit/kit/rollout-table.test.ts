import { integer, text } from 'drizzle-orm/pg-core'
import { expect, expectTypeOf, it } from 'vitest'
import { rolloutTable } from '../../../src/kit/rollout-table.ts'

const orders = rolloutTable('orders', { id: text('id').notNull(), cents: integer('cents') }, { key: ['id'] })

it('a row is inserted without the rollout, and selected with it', () => {
  expectTypeOf<{ id: string }>().toExtend<typeof orders.$inferInsert>()
  expectTypeOf<typeof orders.$inferSelect>().toEqualTypeOf<{ id: string; cents: number | null; rollout: number }>()
})

it('a column of the table cannot be named rollout', () => {
  expect(() => rolloutTable('seats', { rollout: integer('rollout') }, { key: ['rollout'] })).toThrow('rename it')
})
