import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { resultSchema } from '../commands.ts'
import { type ExecRequest, type ExecResult, SandboxError } from '../provider.ts'
import { readIfExists, replaceFile } from './store.ts'

/**
 * Runs a command once for its key. The journal is a folder that no command of the sandbox can reach: `KEY.begun` exists
 * before the command starts, `KEY.json` holds its result. The caller holds the sandbox's lock, so that a key that has begun
 * and has no result belongs to a process that died.
 *
 * @throws SandboxError `exec_ambiguous` if the command began earlier and its end was lost.
 */
export async function once(
  folder: string,
  { key }: Pick<ExecRequest, 'key'>,
  run: () => Promise<ExecResult>,
): Promise<ExecResult> {
  const known = recorded(folder, key)
  if (known !== undefined) return known
  if (!begin(join(folder, `${key}.begun`))) {
    throw new SandboxError('exec_ambiguous', `the command ${key} began, and its end was not recorded`)
  }
  const result = await run()
  replaceFile(join(folder, `${key}.json`), JSON.stringify(result))
  return result
}

/** The result of a command that ended; undefined if there is none. */
export function recorded(folder: string, key: string): ExecResult | undefined {
  const text = readIfExists(join(folder, `${key}.json`))
  return text === undefined ? undefined : resultSchema.parse(JSON.parse(text))
}

/** Makes a file; false if it exists. */
function begin(path: string): boolean {
  try {
    writeFileSync(path, '', { flag: 'wx' })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}
