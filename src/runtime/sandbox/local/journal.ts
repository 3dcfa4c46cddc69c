import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { resultSchema } from '../commands.ts'
import { type ExecRequest, type ExecResult, SandboxError } from '../provider.ts'
import { missing } from './store.ts'

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
  const known = await recorded(folder, key)
  if (known !== undefined) return known
  const begun = await writeFile(join(folder, `${key}.begun`), '', { flag: 'wx' }).then(() => true, exists)
  if (!begun) throw new SandboxError('exec_ambiguous', `the command ${key} began, and its end was not recorded`)
  const result = await run()
  await writeFile(join(folder, `${key}.draft`), JSON.stringify(result))
  await rename(join(folder, `${key}.draft`), join(folder, `${key}.json`))
  return result
}

/** The result of a command that ended; undefined if there is none. */
export async function recorded(folder: string, key: string): Promise<ExecResult | undefined> {
  const text = await readFile(join(folder, `${key}.json`), 'utf8').catch(missing)
  return text === undefined ? undefined : resultSchema.parse(JSON.parse(text))
}

function exists(error: unknown): false {
  if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
  throw error
}
