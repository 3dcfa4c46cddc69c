import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const scripts = readdirSync('scripts').filter((name) => name.endsWith('.js'))

it.each(scripts)('scripts/%s names files that exist', (name) => {
  const named = readFileSync(`scripts/${name}`, 'utf8').matchAll(/\b(?:dist\/)?(src\/[\w/-]+)\.[jt]s\b/g)
  expect([...named].map(([, file]) => `${file}.ts`).filter((file) => !existsSync(file))).toEqual([])
})
