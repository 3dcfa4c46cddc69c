import { expect, it } from 'vitest'
import { alarmKinds, kindOf } from '../../../src/dashboard/alarms/alarm.ts'
import { runRules } from '../../../src/dashboard/alarms/rules.ts'

it('every alarm has one of fewer than ten kinds, which are labels of a metric', () => {
  const names = [...runRules.map(({ name }) => name), 'refused_keys', 'unfit_items', 'judge_drift', 'silence', 'behind']
  expect(names.filter((name) => kindOf(name) === 'other')).toEqual([])
  expect(alarmKinds.length).toBeLessThan(10)
  expect(new Set(names.map(kindOf))).toEqual(new Set(alarmKinds))
})
