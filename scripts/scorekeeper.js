#!/usr/bin/env node
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// Runs the command line without a build step: the compiled program if no source is newer, else the sources with tsx. Node 20 runs
// no TypeScript: a module given as `.ts` makes it run from the sources. The container image has neither sources nor tsx.
const root = fileURLToPath(new URL('..', import.meta.url))
const compiled = join(root, 'dist/src/cli/main.js')
const source = join(root, 'src/cli/main.ts')
const folders = ['src', 'tools', 'graders', 'schema', 'demo', 'example']

const args = process.argv.slice(2)
const givesTypeScript = args.some((arg) => /\.[cm]?ts$/.test(arg)) && existsSync(source)
const program = isCurrent() && !givesTypeScript ? [compiled] : ['--import', import.meta.resolve('tsx'), source]
const child = spawn(process.execPath, [...program, ...args], { stdio: 'inherit' })
// Ctrl-C reaches both processes, and the program decides when to exit. Other signals are forwarded.
process.on('SIGINT', () => {})
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.once('exit', (code, signal) => {
  process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0)
})

/** Whether there is a compiled program that is newer than every source. */
function isCurrent() {
  if (!existsSync(compiled)) return false
  if (!existsSync(source)) return true
  const built = statSync(compiled).mtimeMs
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((file) => join(root, folder, file)))
    .every((file) => !/\.(ts|js|sql|json)$/.test(file) || statSync(file).mtimeMs <= built)
}
