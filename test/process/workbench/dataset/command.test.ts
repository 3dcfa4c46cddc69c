import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { row, rowsFrom, writeRows } from '../../../support/dataset/rows.ts'
import { scorekeeper, scorekeeperArgs, scorekeeperFolder } from '../../../support/scorekeeper.ts'
import { useFolder } from '../../../support/temporary.ts'

const folder = useFolder()
let rows: string
let bad: string
beforeAll(() => {
  rows = writeRows(folder, 'rows.jsonl', rowsFrom(0, 60))
  bad = writeRows(folder, 'bad.jsonl.gz', [...rowsFrom(0, 11), row(20, { reference_answer: null })])
})

describe('the command dataset', { timeout: 120_000 }, () => {
  it('prepares a dataset that passes its own check', async () => {
    const out = join(folder, 'prepared')
    const prepared = await scorekeeper(['dataset', 'prepare', rows, '--out', out, '--tools', 'search,cat'])
    expect([prepared.code, prepared.err]).toEqual([0, ''])
    expect(prepared.out).toMatch(/train\.jsonl: \d\d rows of \d\d items\n.*validation\.jsonl: \d+ rows/)
    const sets = [join(out, 'train.jsonl'), '--validation', join(out, 'validation.jsonl')]
    const checked = await scorekeeper(['dataset', 'check', ...sets, '--json'])
    expect(checked.code).toBe(0)
    expect(JSON.parse(checked.out)).toMatchObject({
      train: { withTools: expect.any(Number) },
      outcome: expect.stringMatching(/pass/),
    })
  })

  it('reports the line, the reason and what to do, with exit code 1', async () => {
    const { code, out } = await scorekeeper(['dataset', 'check', bad])
    expect(code).toBe(1)
    expect(out).toMatch(
      /fail {2}references .*1 of 12 rows.*\n.*bad\.jsonl\.gz, line 12: item\.reference_answer: is missing\n.*→ fix/,
    )
    expect(out).toMatch(/\nfail: 1 failed, 2 warnings\n$/)
    const prepared = await scorekeeper(['dataset', 'prepare', bad, '--out', join(folder, 'none')])
    expect([prepared.code, prepared.out]).toEqual([1, ''])
    expect(prepared.err).toMatch(/nothing was written:\n.*line 12/)
    expect(readdirSync(folder)).not.toContain('none')
  })

  it('compares the tools of rows with those of a file, and never replaces tools of another server unasked', async () => {
    const deploy = { type: 'function', function: { name: 'deploy', description: 'Deploys.', parameters: {} } }
    const foreign = writeRows(folder, 'foreign.jsonl', rowsFrom(0, 12, { tools: [deploy] }))
    const source = join(folder, 'tools.json')
    writeFileSync(source, JSON.stringify([deploy]))
    expect(await scorekeeper(['dataset', 'check', foreign])).toMatchObject({ code: 1 })
    const checked = await scorekeeper(['dataset', 'check', foreign, '--tools-from', source])
    expect([checked.code, checked.err]).toEqual([0, ''])
    const out = join(folder, 'foreign')
    const refused = await scorekeeper(['dataset', 'prepare', foreign, '--out', out])
    expect([refused.code, refused.err]).toEqual([
      1,
      expect.stringMatching(/the tool deploy, which the server does not/),
    ])
    const kept = await scorekeeper(['dataset', 'prepare', foreign, '--out', out, '--tools-from', source, '--json'])
    expect(JSON.parse(kept.out)).toMatchObject({ tools: ['deploy'], toolsReplaced: 0 })
    const replaced = await scorekeeper(['dataset', 'prepare', foreign, '--out', out, '--replace-tools', '--json'])
    expect(JSON.parse(replaced.out)).toMatchObject({ toolsReplaced: 12 })
    const missing = await scorekeeper(['dataset', 'check', foreign, '--tools-from', '/nowhere.json'])
    expect([missing.code, missing.err]).toEqual([1, 'dataset check: the file /nowhere.json cannot be read\n'])
  })

  it('reads the tools of a server', async () => {
    const look = { type: 'function', function: { name: 'look', description: 'Looks.', parameters: {} } }
    const asked: (string | undefined)[] = []
    const server = createServer((request, response) => {
      asked.push(`${request.url} ${request.headers.authorization}`)
      response.setHeader('content-type', 'application/json').end(JSON.stringify([look]))
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    try {
      const { port } = z.object({ port: z.number() }).parse(server.address())
      const file = writeRows(folder, 'look.jsonl', rowsFrom(0, 12, { tools: [look] }))
      const from = ['--tools-from', `http://127.0.0.1:${port}`, '--header', 'authorization: Bearer key']
      expect(await scorekeeper(['dataset', 'check', file, ...from])).toMatchObject({ code: 0, err: '' })
      expect(asked).toEqual(['/tools Bearer key'])
    } finally {
      server.close()
    }
  })

  it('shows the composition of a dataset', async () => {
    const { code, out } = await scorekeeper(['dataset', 'stats', rows])
    expect(code).toBe(0)
    expect(out).toMatch(/^rows +60, /)
    expect(out).toMatch(/reference reference_answer: 60 values, 60 different, 100 % numbers/)
    const json = JSON.parse((await scorekeeper(['dataset', 'stats', rows, '--json'])).out)
    expect(json).toMatchObject({
      rows: 60,
      messages: { least: 2, most: 2 },
      references: { reference_answer: { values: 60 } },
    })
  })

  it.each([
    [['dataset', 'check'], /missing required argument 'files'/],
    [['dataset', 'check', '/nowhere.jsonl'], /there is no file \/nowhere\.jsonl/],
    [['dataset', 'check', '.'], /there is no file \./],
    [['dataset', 'sell'], /unknown command 'sell'/],
    [['dataset', 'prepare', 'package.json'], /--out <folder>/],
    [['dataset', 'prepare', 'package.json', '--out', 'x', '--validation-share', '1'], /up to, but not including, 1/],
    [
      ['dataset', 'prepare', 'package.json', '--out', 'x', '--tools', 'fly'],
      /there is no tool fly; the tools are: search, list, cat, note/,
    ],
  ])('%j is wrong usage: exit code 2', async (args, message) => {
    const { code, out, err } = await scorekeeper(args)
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(message)
  })

  it('shows examples in the help of every command, with exit code 0', async () => {
    for (const args of [
      ['dataset', 'check'],
      ['dataset', 'prepare'],
      ['dataset', 'stats'],
      ['job'],
      ['token'],
      ['sql'],
    ]) {
      const { code, out } = await scorekeeper([...args, '--help'])
      expect([args, code, out]).toEqual([
        args,
        0,
        expect.stringContaining(`\nExamples:\n  scorekeeper ${args.join(' ')} `),
      ])
    }
  })

  it('exits with 130 at Ctrl-C, and leaves no partial file', async () => {
    const large = writeRows(folder, 'large.jsonl', rowsFrom(0, 60_000))
    const out = join(folder, 'stopped')
    mkdirSync(out)
    const child = spawn(process.execPath, scorekeeperArgs('dataset', 'prepare', large, '--out', out), {
      cwd: scorekeeperFolder,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let err = ''
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString()
    })
    await expect.poll(() => readdirSync(out).length, { timeout: 60_000, interval: 5 }).toBeGreaterThan(0)
    child.kill('SIGINT')
    const [code] = await once(child, 'close')
    expect([code, err]).toEqual([130, expect.stringMatching(/dataset prepare: stopped\n$/)])
    expect(readdirSync(out)).toEqual([])
  })
})
