import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Sql } from 'postgres'
import { axisOf, type Curves, curvesOf, pointsOf } from '../../dashboard/curves.ts'
import { foldTurn } from '../../ledger/rollups/fold.ts'
import { readBuckets } from '../../ledger/rollups/read.ts'

/** What {@link exportTensorBoard} wrote. */
export interface TensorBoardExport {
  readonly file: string
  /** How many curves, and how many points of all of them. */
  readonly curves: number
  readonly points: number
}

/**
 * Writes the curves of a run as an event file for TensorBoard, in a folder that is made if necessary. The step is the number of
 * the burst, or of the visit or the minute where the run has no bursts. An earlier export of the run is replaced.
 *
 * @throws Error if nothing of the run is recorded.
 */
export async function exportTensorBoard(sql: Sql, run: string, folder: string): Promise<TensorBoardExport> {
  // The server may not run now, and a replica that folds has counted all by itself.
  while ((await foldTurn(sql)) === 'more');
  const bursts = await readBuckets(sql, run, 'burst')
  if (bursts.length === 0) throw new Error(`no rollout of the run "${run}" is recorded`)
  const axis = axisOf(bursts, await readBuckets(sql, run, 'visit', 3))
  const buckets = axis === 'burst' ? bursts : await readBuckets(sql, run, axis)
  const curves = curvesOf(axis, pointsOf(axis, buckets, Number.POSITIVE_INFINITY))
  const { bytes, points } = eventsOf(curves)
  mkdirSync(join(folder, run), { recursive: true })
  const file = join(folder, run, 'events.out.tfevents.0000000000.scorekeeper')
  writeFileSync(file, bytes)
  return { file, curves: curves.columns.length - places.size, points }
}

/** The columns that say where a point is. */
const places: ReadonlySet<string> = new Set(['bucket', 'began_at', 'ended_at', 'is_validation'])

/** The records of an event file: a version, then one for each point of each curve. */
export function eventsOf({ columns }: Curves): { readonly bytes: Buffer; readonly points: number } {
  const valuesOf = (name: string) => columns.find((column) => column.name === name)?.values ?? []
  const [steps, times] = [valuesOf('bucket'), valuesOf('began_at')]
  const version = Buffer.concat([doubleField(1, (times[0] ?? 0) / 1_000), textField(3, 'brain.Event:2')])
  const events = columns
    .filter(({ name }) => !places.has(name))
    .flatMap(({ name, values }) =>
      values.flatMap((value, at) => {
        if (value === null) return []
        const summary = bytesField(1, Buffer.concat([textField(1, name.replace(':', '/')), floatField(2, value)]))
        const step = varintField(2, steps[at] ?? 0)
        return [Buffer.concat([doubleField(1, (times[at] ?? 0) / 1_000), step, bytesField(5, summary)])]
      }),
    )
  return { bytes: Buffer.concat([version, ...events].map(recordOf)), points: events.length }
}

// Protocol buffers: a field is its number and the type of its value, then the value.
const varintField = (field: number, value: number) => Buffer.concat([varint(field * 8), varint(value)])
const bytesField = (field: number, value: Buffer) => Buffer.concat([varint(field * 8 + 2), varint(value.length), value])
const textField = (field: number, value: string) => bytesField(field, Buffer.from(value))

function doubleField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return Buffer.concat([varint(field * 8 + 1), bytes])
}

function floatField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return Buffer.concat([varint(field * 8 + 5), bytes])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}

/** A record of the file: its length and its bytes, each with a checksum. */
function recordOf(data: Buffer): Buffer {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(data.length))
  return Buffer.concat([length, checksum(length), data, checksum(data)])
}

/** CRC-32C, rotated and offset as event files have it. */
function checksum(data: Buffer): Buffer {
  let crc = 0xffffffff
  for (const byte of data) crc = (table[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8)
  crc = ~crc >>> 0
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0)
  return bytes
}

const table: readonly number[] = Array.from({ length: 256 }, (_, n) => {
  let value = n
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  return value >>> 0
})
