import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type JsonLine, mostLineBytes, readJsonLines, readRecords } from '../../../src/base/json-lines.ts'

describe('JSON Lines', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'json-lines-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const fileOf = (name: string, content: string | Buffer) => {
    const file = join(folder, name)
    writeFileSync(file, content)
    return file
  }
  const read = async (file: string) => {
    const lines: JsonLine[] = []
    for await (const line of readJsonLines(file)) lines.push(line)
    return lines
  }

  it('are read plain or gzip, whatever the file name, with LF or CRLF, with or without a byte order mark', async () => {
    const text = '\uFEFF{"a":1}\r\n\n  \n{"a":2}\n{"a":"é"}'
    const values = [
      { line: 1, value: { a: 1 } },
      { line: 4, value: { a: 2 } },
      { line: 5, value: { a: 'é' } },
    ]
    expect(await read(fileOf('plain.gz', text))).toMatchObject(values)
    expect(await read(fileOf('packed', gzipSync(text)))).toMatchObject(values)
    expect(await read(fileOf('empty', ''))).toEqual([])
  })

  it('report where each line ends, so that a file can be truncated after a complete line', async () => {
    const text = '{"a":"é"}\n\n{"b":1}\r\n{"torn'
    const ends = (await read(fileOf('torn', text))).map(({ end }) => end)
    expect(ends.slice(0, 2).map((end) => Buffer.from(text).subarray(0, end).toString())).toEqual([
      '{"a":"é"}\n',
      '{"a":"é"}\n\n{"b":1}\r\n',
    ])
  })

  it('report a line that is not JSON, not UTF-8 or too long, and continue after it', async () => {
    const long = Buffer.alloc(mostLineBytes + 1, 'x')
    const file = fileOf('bad', Buffer.concat([Buffer.from('{"a"\n\xff\n', 'latin1'), long, Buffer.from('\n1')]))
    expect(await read(file)).toMatchObject([
      { line: 1, problem: 'is not JSON', detail: expect.any(String) },
      { line: 2, problem: 'is not UTF-8' },
      { line: 3, problem: 'is longer than 16 MB' },
      { line: 4, value: 1 },
    ])
  })

  it('report a truncated gzip file', async () => {
    const packed = gzipSync(JSON.stringify({ text: 'x'.repeat(10_000) }))
    await expect(read(fileOf('cut', packed.subarray(0, packed.length - 9)))).rejects.toThrow(
      /cut is a truncated or damaged gzip file/,
    )
  })

  it('are read up to the requested number of records', async () => {
    const shape = { what: 'a number', parse: z.number().safeParse }
    const file = fileOf('numbers', '1\n2\nthree')
    expect(await readRecords(file, { most: 2, ...shape })).toEqual([1, 2])
    await expect(readRecords(file, { most: 3, ...shape })).rejects.toThrow(/numbers, line 3, is not JSON: /)
    await expect(readRecords(fileOf('text', '1\n"2"'), { most: 3, ...shape })).rejects.toThrow(
      /text, line 2, is not a number: row: was "2", must be a number$/,
    )
    await expect(readRecords(fileOf('none', '\n'), { most: 3, ...shape })).rejects.toThrow(/none is empty/)
  })
})
