import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { version } from '../src/version.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const report = z.object({
  diagnostics: z.array(z.object({ category: z.string(), location: z.looseObject({ path: z.unknown() }) })),
})

/** What stands where, and whom it imports: refused ones first. */
const refused: Readonly<Record<string, string>> = {
  'tools/reads-the-ledger.ts': '../src/ledger/ledger.ts',
  'graders/knows-a-protocol.ts': '../src/protocols/agent-rft.ts',
  'graders/knows-the-definitions.ts': '../src/define.ts',
  'graders/examples/reads-the-ledger.ts': '../../src/ledger/ledger.ts',
  'schema/knows-the-server.ts': '../src/app.ts',
  'src/scoring/knows-errors.ts': '../errors.ts',
  'src/openai-graders/reads-the-ledger.ts': '../ledger/ledger.ts',
  'src/judge/reads-the-ledger.ts': '../ledger/ledger.ts',
  'src/python-grader/reads-the-ledger.ts': '../ledger/ledger.ts',
  'src/outbound/reads-the-settings.ts': '../config.ts',
  'src/json-graders/reads-the-ledger.ts': '../ledger/ledger.ts',
  'src/dataset/knows-the-user.ts': '../../schema/environment.ts',
  'src/job/reads-the-settings.ts': '../config.ts',
  'src/ledger/knows-the-verbs.ts': '../calls.ts',
  'src/running/knows-a-protocol.ts': '../protocols/agent-rft.ts',
  'src/regrade/knows-a-protocol.ts': '../protocols/agent-rft.ts',
  'src/regrade/knows-the-user.ts': '../../graders/index.ts',
  'src/code-hash/reads-the-ledger.ts': '../ledger/ledger.ts',
  'src/grader-check/is-a-command.ts': '../cli/options.ts',
  'src/regrade/is-a-command.ts': '../cli/options.ts',
  'src/grader-check/knows-the-user.ts': '../../graders/index.ts',
  'src/simulate/reads-the-ledger.ts': '../ledger/ledger.ts',
  'src/learn/reads-the-ledger.ts': '../ledger/parts.ts',
  'src/export/knows-the-user.ts': '../../tools/index.ts',
  'src/preflight/reads-the-ledger.ts': '../ledger/ledger.ts',
  'src/protocols/reads-the-ledger.ts': '../ledger/ledger.ts',
  'src/knows-the-user.ts': '../tools/index.ts',
  'src/imports-the-server.ts': './server.ts',
}
const allowed: Readonly<Record<string, string>> = {
  'tools/refuses.ts': '../src/errors.ts',
  'tools/is-typed.ts': '../schema/environment.ts',
  'graders/scores.ts': '../src/scoring/numbers.ts',
  'graders/examples/defines.ts': '../../src/define.ts',
  'graders/examples/composes.ts': '../../src/scoring/sets.ts',
  'schema/environment.ts': '../src/define.ts',
  'src/openai-graders/says-what-is-wrong.ts': '../issues.ts',
  'src/judge/answers-graders.ts': '../openai-graders/runners.ts',
  'src/python-grader/answers-graders.ts': '../openai-graders/runners.ts',
  'src/outbound/answers-graders.ts': '../openai-graders/runners.ts',
  'src/json-graders/runs-graders.ts': '../openai-graders/run-grader.ts',
  'src/dataset/compares-tools.ts': '../openapi.ts',
  'src/ledger/asks-the-database.ts': '../database.ts',
  'src/regrade/reads-the-ledger.ts': '../ledger/ledger.ts',
  'src/grader-check/grades.ts': '../running/checked-grade.ts',
  'src/simulate/estimates.ts': '../scoring/output-length.ts',
  'src/learn/plays.ts': '../simulate/play-rollout.ts',
  'src/export/reads-the-ledger.ts': '../ledger/exported.ts',
  'src/preflight/attacks.ts': '../grader-check/attacks.ts',
  'src/code-hash/knows-graders.ts': '../define-grader.ts',
  'src/protocols/calls.ts': '../calls.ts',
}

describe('the house', () => {
  let folder: string
  let complaints: { category: string; path: string }[]

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'scorekeeper-house-'))
    copyFileSync(join(root, 'biome.json'), join(folder, 'biome.json'))
    writeFileSync(join(folder, '.gitignore'), 'node_modules\n')
    for (const [path, specifier] of Object.entries({ ...refused, ...allowed })) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), `import { something } from '${specifier}'\n\nexport const it = something\n`)
    }
    const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
    const run = promisify(execFile)(process.execPath, [biome, 'lint', '--reporter=json', '.'], { cwd: folder })
    const { stdout } = await run.catch((failed: { stdout: string }) => failed)
    complaints = report.parse(JSON.parse(stdout)).diagnostics.map(({ category, location }) => ({
      category,
      path: JSON.stringify(location.path),
    }))
  })

  afterAll(() => rmSync(folder, { recursive: true }))

  const isRefused = (path: string) =>
    complaints.some((one) => one.category.endsWith('noRestrictedImports') && one.path.includes(path))

  it.each(Object.entries(refused))('does not let %s import %s', (path) => expect(isRefused(path)).toBe(true))
  it.each(Object.entries(allowed))('lets %s import %s', (path) => expect(isRefused(path)).toBe(false))

  it('has one version', () => {
    const manifest = z
      .object({ version: z.string() })
      .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
    expect(manifest.version).toBe(version)
  })
})
