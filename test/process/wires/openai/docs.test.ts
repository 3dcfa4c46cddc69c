import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { graderErrors } from '../../../../src/runtime/openai-graders/grader-errors.ts'
import { useDatabase } from '../../../support/database.ts'
import { served } from '../../../support/openai/served.ts'
import { useFolder } from '../../../support/temporary.ts'

const root = fileURLToPath(new URL('../../../..', import.meta.url))
const page = readFileSync(join(root, 'docs', 'openai-graders.md'), 'utf8')
const block = (language: string) => new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'mu').exec(page)?.[1] ?? ''
const run = promisify(execFile)

const database = useDatabase()
const folder = useFolder()

describe('the page on graders in OpenAI’s format', () => {
  it('has an example for Node that runs unchanged, at another address, and fits the SDK’s types', async () => {
    const server = await served(database)
    const place = join(folder, 'node')
    mkdirSync(place)
    symlinkSync(join(root, 'node_modules'), join(place, 'node_modules'))
    writeFileSync(join(place, 'package.json'), '{ "type": "module" }')
    const code = block('ts')
    expect(code).toContain("'http://localhost:8000/v1'")
    writeFileSync(join(place, 'example.ts'), code.replace('http://localhost:8000', server.origin))
    const { stdout } = await run(process.execPath, ['--import', 'tsx', 'example.ts'], { cwd: place })
    expect(stdout).toBe('1\n')
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2023']
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    await run(process.execPath, [tsc, ...options, '--types', 'node', 'example.ts'], { cwd: place })
    server.close()
  })

  it('has the same example for Python, call by call', () => {
    const [node, python] = [block('ts'), block('python')]
    for (const said of [
      '/v1',
      'string_check',
      '{{sample.output_json.answer}}',
      '{{item.reference_answer}}',
      '{"answer": "94"}',
    ]) {
      expect(node).toContain(said)
      expect(python).toContain(said)
    }
  })

  it('documents every flag', () => {
    const flags = Object.entries(graderErrors()).flatMap(([flag, unset]) => (unset === false ? [flag] : []))
    expect(flags).toHaveLength(11)
    for (const flag of flags) expect(page).toMatch(new RegExp(`^\\| \`${flag}\` \\|`, 'mu'))
  })
})
