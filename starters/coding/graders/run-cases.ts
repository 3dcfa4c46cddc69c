import { z } from 'zod'
import type { Sandbox } from '../../../src/kit/sandboxes.ts'
import { runFairly } from '../../../src/kit/scoring/fair-command.ts'

/** What the cases need: a module of the repository, what they import from it, and expressions. */
export interface Cases {
  readonly module: string
  readonly imports: readonly string[]
  readonly cases: readonly { readonly code: string }[]
}

/**
 * Evaluates expressions and prints their values. It comes with the command and not from the sandbox, where the agent could
 * have changed it; the expected values are never sent.
 */
const driver = `
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
const { module, imports, cases } = JSON.parse(readFileSync(0, 'utf8'))
const loaded = await import(pathToFileURL(resolve(module)))
const values = []
for (const { code } of cases) {
  try {
    const value = new Function(...imports, 'return (' + code + ')')(...imports.map((name) => loaded[name]))
    values.push(JSON.stringify(value) ?? null)
  } catch {
    values.push(null)
  }
}
process.stdout.write('\\n' + JSON.stringify(values))
`

const printed = z.array(z.string().nullable())

/** How much processor time all cases together may use, in seconds: the repositories need a tenth of one. */
const cpuSeconds = 8

/**
 * The values of the cases as JSON, computed by the repository as the rollout left it; null for one that has none.
 *
 * @throws UngradableError if the machine was too busy to compute them.
 */
export async function runCases(shell: Sandbox, given: Cases, signal: AbortSignal): Promise<readonly (string | null)[]> {
  const { module, imports, cases } = given
  const input = JSON.stringify({ module, imports, cases: cases.map(({ code }) => ({ code })) })
  const argv = ['node', '--input-type=module', '-e', driver]
  const done = await runFairly(shell, argv, { input, signal, cpuSeconds, maxOutputBytes: 100_000 })
  const none = cases.map(() => null)
  if (done.exitCode !== 0 || done.truncated) return none
  const values = printed.safeParse(readJson(done.stdout.split('\n').at(-1) ?? ''))
  return values.success && values.data.length === cases.length ? values.data : none
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
