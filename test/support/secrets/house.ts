import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Builds in a folder what a user would clone, with the tools and graders that stand here; gives the server's program. */
export function buildHouse(folder: string): string {
  for (const part of ['src', 'schema', 'package.json', 'tsconfig.json', join('test', 'support', 'secrets')]) {
    cpSync(join(root, part), join(folder, part), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  for (const list of ['tools', 'graders']) {
    mkdirSync(join(folder, list))
    writeFileSync(join(folder, list, 'index.ts'), `export { ${list} } from '../test/support/secrets/${list}.ts'\n`)
  }
  return join(folder, 'src', 'server.ts')
}
