import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { compileFunction } from 'node:vm'
import type Postgres from 'postgres'
import { z } from 'zod'
import { losses, silences } from './driver-repairs.ts'

/** The Postgres client library, postgres.js, with what it lacks to survive the loss of a connection. */
export const postgres: typeof Postgres = load()

function load(): typeof Postgres {
  const entry = createRequire(import.meta.url).resolve('postgres')
  const loaded = new Map<string, { exports: unknown }>()
  const fromOutside = createRequire(entry)

  function evaluate(file: string): unknown {
    const known = loaded.get(file)
    if (known) return known.exports
    const module = { exports: {} }
    loaded.set(file, module)
    const parameters = ['exports', 'require', 'module', '__filename', '__dirname']
    const run = compileFunction(repaired(file), parameters, { filename: file })
    const require = (name: string): unknown =>
      name.startsWith('.') ? evaluate(join(dirname(file), name)) : fromOutside(name)
    run(module.exports, require, module, file, dirname(file))
    return module.exports
  }

  return z.custom<typeof Postgres>((value) => typeof value === 'function').parse(evaluate(entry))
}

function repaired(file: string): string {
  const source = readFileSync(file, 'utf8')
  return [...losses, ...silences]
    .filter((repair) => repair.file === basename(file))
    .reduce((text, { find, put }) => text.replace(find, () => put), source)
}
