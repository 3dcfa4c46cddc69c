import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

// Compiles the server into `dist`. `--if-changed` does nothing where `dist` was built from the same sources: their content
// counts, not their time, so that a checkout of another revision and back needs no build.
const root = fileURLToPath(new URL('..', import.meta.url))
const stamp = join(root, 'dist', 'built-from')
const folders = ['src', 'tools', 'graders', 'schema', 'demo', 'example', 'scripts']
const files = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json']

/** Whether `dist` was built, completely, from the sources that are here now. */
export function isBuilt() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === hashSources()
}

/** Builds; `types: false` leaves the check of the types out. Returns the exit code of the step that failed, or 0. */
export function build({ types = true } = {}) {
  // A build that was interrupted or failed does not count.
  rmSync(stamp, { force: true })
  const sources = hashSources()
  const tsc = join(dirname(fileURLToPath(import.meta.resolve('typescript/package.json'))), 'bin', 'tsc')
  const steps = [
    [tsc, '-p', 'tsconfig.build.json', ...(types ? [] : ['--noCheck'])],
    ['scripts/copy-data.js'],
    ['dist/src/cli/code-hashes.js'],
  ]
  for (const step of steps) {
    const { status } = spawnSync(process.execPath, step, { cwd: root, stdio: 'inherit' })
    if (status !== 0) return status ?? 1
  }
  writeFileSync(stamp, sources)
  return 0
}

function hashSources() {
  const hash = createHash('sha256')
  const inFolders = folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((file) => join(folder, file)))
    .filter((path) => statSync(join(root, path)).isFile())
  for (const path of [...files.filter((file) => existsSync(join(root, file))), ...inFolders.sort()]) {
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update('\0')
  }
  return hash.digest('hex')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  if (!(process.argv.includes('--if-changed') && isBuilt())) process.exitCode = build()
}
