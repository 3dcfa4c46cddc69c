import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

// Compiles the server into `dist`. `--if-changed` does nothing where `dist` was built from the same sources: their content
// counts, not their time, so that a checkout of another revision and back needs no build.
const root = fileURLToPath(new URL('..', import.meta.url))
const stamp = join(root, 'dist', 'built-from')
const folders = ['src', 'tools', 'graders', 'schema', 'demo', 'example', 'scripts']
const relativeImports = /(?:^(?:import|export)\b.*?|\bimport\()['"](\.{1,2}\/[^'"]+)['"]/gm
const files = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json']

/** Whether `dist` was built, completely, from the sources that are here now. */
export function isBuilt() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === hashSources()
}

/** Builds; `types: false` leaves the check of the types out. Returns the exit code of the step that failed, or 0. */
export async function build({ types = true } = {}) {
  // A build that was interrupted or failed does not count.
  rmSync(stamp, { force: true })
  const sources = hashSources()
  const copied = run('scripts/copy-data.js')
  removeStale()
  const compiled = types ? compile() : compileEachFile()
  const code = (await compiled) || (await copied) || (await run('dist/src/cli/code-hashes.js'))
  if (code === 0) writeFileSync(stamp, sources)
  return code
}

/** Removes what was compiled from sources that are gone, such as an example's: programs look for some modules by their path. */
function removeStale() {
  for (const folder of folders.filter((name) => existsSync(join(root, 'dist', name)))) {
    for (const file of readdirSync(join(root, 'dist', folder), { recursive: true })) {
      const source = /^(.*)\.js(?:\.map)?$/.exec(join(root, folder, file))?.[1]
      if (source === undefined || ['.ts', '.tsx', '.js'].some((end) => existsSync(source + end))) continue
      rmSync(join(root, 'dist', folder, file))
    }
  }
}

function compile(...options) {
  const tsc = join(dirname(fileURLToPath(import.meta.resolve('typescript/package.json'))), 'bin', 'tsc')
  return run(tsc, '-p', 'tsconfig.build.json', ...options)
}

/**
 * Compiles without a check of the types, and without reading the packages that are imported, which takes half the time. Files
 * that are imported but not named by `tsconfig.build.json` are not compiled that way; if there are any, all is compiled again.
 */
async function compileEachFile() {
  const code = await compile('--noCheck', '--noResolve', '--types', '', '--lib', 'es5')
  return code === 0 && hasAllImports() ? 0 : compile('--noCheck')
}

function hasAllImports() {
  const files = readdirSync(join(root, 'dist'), { recursive: true }).filter((file) => file.endsWith('.js.map'))
  return files.every((map) => {
    const file = join(root, 'dist', map.slice(0, -'.map'.length))
    const imports = readFileSync(file, 'utf8').matchAll(relativeImports)
    return [...imports].every(([, imported]) => existsSync(join(dirname(file), imported)))
  })
}

/** Runs a program of Node and returns its exit code. */
async function run(...args) {
  const [code] = await once(spawn(process.execPath, args, { cwd: root, stdio: 'inherit' }), 'exit')
  return code ?? 1
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
  if (!(process.argv.includes('--if-changed') && isBuilt())) process.exitCode = await build()
}
