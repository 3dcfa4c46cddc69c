import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { z } from 'zod'

/** What {@link putStarter} does. */
export interface StarterPlan {
  /** The name of a folder in `starters/`. */
  readonly starter: string
  readonly deletedFolders: readonly string[]
  readonly replacedFolders: readonly string[]
}

/** Deletes the example and puts the starter in its place; returns the number of its files and notes for the user. */
export function putStarter(
  root: string,
  { starter, deletedFolders, replacedFolders }: StarterPlan,
): { readonly files: number; readonly notes: readonly string[] } {
  const kept = mkdtempSync(join(tmpdir(), 'scorekeeper-init-'))
  try {
    cpSync(join(root, 'starters', starter), kept, { recursive: true })
    for (const folder of [...deletedFolders, ...replacedFolders]) {
      rmSync(join(root, folder), { recursive: true, force: true })
    }
    const files = readdirSync(kept, { recursive: true, encoding: 'utf8' }).filter((file) =>
      statSync(join(kept, file)).isFile(),
    )
    cpSync(kept, root, { recursive: true })
    for (const file of files) {
      if (!/\.(ts|md)$/.test(file)) continue
      const path = join(root, file)
      writeFileSync(path, fromRoot(readFileSync(path, 'utf8'), file.split(/[\\/]/).length - 1))
    }
    removeScripts(join(root, 'package.json'), deletedFolders)
    return { files: files.length, notes: [...format(root, replacedFolders), ...chooseDataDir(root, starter)] }
  } finally {
    rmSync(kept, { recursive: true, force: true })
  }
}

/**
 * The text of a starter's file with its paths adapted to the root: without `../../` in each relative path that leaves the
 * starter's folder.
 *
 * @param depth how many folders the file is below the starter's
 * @example fromRoot("import { x } from '../../../../src/kit/define.ts'", 1) // "import { x } from '../../src/kit/define.ts'"
 */
export function fromRoot(text: string, depth: number): string {
  return text.replace(/(['"(])((?:\.\.\/)+)/g, (whole, before: string, up: string) => {
    const levels = up.length / 3
    if (levels <= depth) return whole
    const left = '../'.repeat(Math.max(0, levels - 2))
    return `${before}${left === '' && before !== '(' ? './' : left}`
  })
}

const manifestShape = z.object({ scripts: z.record(z.string(), z.string()) })

/** Removes the npm scripts that run something in these folders; the other lines stay, so that updates merge. */
function removeScripts(path: string, folders: readonly string[]): void {
  const text = readFileSync(path, 'utf8')
  const names = Object.entries(manifestShape.parse(JSON.parse(text)).scripts)
    .filter(([, command]) => folders.some((folder) => command.includes(`${folder}/`)))
    .map(([name]) => `    ${JSON.stringify(name)}: `)
  const lines = text.split('\n').filter((line) => !names.some((name) => line.startsWith(name)))
  writeFileSync(path, lines.join('\n').replace(/,(\n {2}\})/, '$1'))
}

/** Formats the new files, whose relative paths are shorter now. Returns a note if the formatter is not installed. */
function format(root: string, folders: readonly string[]): readonly string[] {
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
  if (!existsSync(biome)) return ['Run `npm install` and then `npm run format`: the import paths have changed.']
  const there = folders.filter((folder) => existsSync(join(root, folder)))
  execFileSync(process.execPath, [biome, 'check', '--write', ...there], { cwd: root, stdio: 'pipe' })
  return []
}

/** The embedded database in `.data` has the example's tables, so another one is named in `.env`. */
function chooseDataDir(root: string, starter: string): readonly string[] {
  if (!existsSync(join(root, '.data'))) return []
  const path = join(root, '.env')
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const { DATA_DIR, DATABASE_URL } = parseEnv(text)
  if (DATA_DIR || DATABASE_URL) {
    const name = DATABASE_URL ? 'DATABASE_URL' : 'DATA_DIR'
    return [
      `.env names a database in ${name}. If it has the example's tables, the server refuses it: name another one.`,
    ]
  }
  const line = `DATA_DIR=.data/${starter}\n`
  appendFileSync(path, text === '' || text.endsWith('\n') ? line : `\n${line}`, { mode: 0o600 })
  return [`.data has the example's database, which is left alone: .env now has ${line.trim()}.`]
}
