import { expect, it } from 'vitest'
import { eventsOf } from '../../../../src/workbench/export/tensorboard.ts'

it('an event file is made of records with their lengths and checksums, the first of which has the version', () => {
  const { bytes, points } = eventsOf({
    axis: 'burst',
    columns: [
      { name: 'bucket', values: [1, 300] },
      { name: 'began_at', values: [1_000, 2_000] },
      { name: 'reward_mean', values: [0.5, null] },
      { name: 'part:answer', values: [null, 1] },
    ],
  })
  expect(points).toBe(2)
  const records: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at))
    records.push(bytes.subarray(at + 12, at + 12 + length))
    at += 16 + length
  }
  const [version, reward, part, ...none] = records
  expect(none).toEqual([])
  expect(version?.toString('latin1')).toContain('brain.Event:2')
  expect(reward?.toString('latin1')).toContain('reward_mean')
  // The field of the step: 300 as a varint.
  expect(part?.includes(Buffer.from([0x10, 0xac, 0x02]))).toBe(true)
  expect(part?.toString('latin1')).toContain('part/answer')
  // The length 24, and its checksum.
  const first = eventsOf({ axis: 'burst', columns: [] }).bytes
  expect(first.subarray(0, 12).toString('hex')).toBe('1800000000000000a37f4b22')
})
