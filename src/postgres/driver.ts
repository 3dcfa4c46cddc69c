import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { compileFunction } from 'node:vm'
import type Postgres from 'postgres'
import { z } from 'zod'
import { type Repair, repairs } from './driver-repairs.ts'

/**
 * The Postgres client library, postgres.js, with the repairs that it needs to survive the loss of a connection. Nothing
 * below `node_modules` changes. A version that the repairs do not fit throws when this file is loaded.
 */
export const postgres: typeof Postgres = load(createRequire(import.meta.url).resolve('postgres'), repairs)

/**
 * Loads postgres.js from its entry file and applies the repairs to its text in memory.
 *
 * @throws Error that names the passage and the version when a passage is not found exactly once.
 */
export function load(entry: string, repairs: readonly Repair[]): typeof Postgres {
  const loaded = new Map<string, { exports: unknown }>()
  const fromOutside = createRequire(entry)

  function evaluate(file: string): unknown {
    const known = loaded.get(file)
    if (known) return known.exports
    const module = { exports: {} }
    loaded.set(file, module)
    const parameters = ['exports', 'require', 'module', '__filename', '__dirname']
    const run = compileFunction(repaired(file, repairs), parameters, { filename: file })
    const require = (name: string): unknown =>
      name.startsWith('.') ? evaluate(join(dirname(file), name)) : fromOutside(name)
    run(module.exports, require, module, file, dirname(file))
    return module.exports
  }

  return z.custom<typeof Postgres>((value) => typeof value === 'function').parse(evaluate(entry))
}

/** Each passage is replaced in what the earlier repairs made of the file. */
function repaired(file: string, repairs: readonly Repair[]): string {
  return repairs
    .filter((repair) => repair.file === basename(file))
    .reduce(
      (text, { find, put }) => {
        const found = text.split(find).length - 1
        if (found !== 1) throw new Error(misfit(file, find, found))
        return text.replace(find, () => put)
      },
      readFileSync(file, 'utf8'),
    )
}

function misfit(file: string, passage: string, found: number): string {
  const manifest = join(dirname(dirname(dirname(file))), 'package.json')
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync(manifest, 'utf8')))
  return (
    `postgres.js ${version} cannot be used: ${basename(file)} has ${found} passages, not one, that read\n${passage}\n` +
    'and that Scorekeeper repairs to survive the loss of a connection. Install the version that package.json names, ' +
    'exactly; to use another one, see docs/dependencies.md.'
  )
}
