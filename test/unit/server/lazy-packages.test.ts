import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'

/** The packages that a program loads when it starts: what is imported dynamically, or for its types alone, is not among them. */
function packagesOf(entry: string): ReadonlySet<string> {
  const packages = new Set<string>()
  const files = new Set([entry])
  // What is added while this runs comes up too.
  for (const file of files) {
    const imports = readFileSync(file, 'utf8').matchAll(/^(?:import|export)\s(?!type\s)(?:[^'"]*?\sfrom\s)?'([^']+)'/gm)
    for (const [, name = ''] of imports) {
      if (name.startsWith('.')) files.add(join(dirname(file), name))
      else packages.add(name)
    }
  }
  return packages
}

it.each(['src/server.ts', 'src/cli/main.ts'])(
  '%s loads no package of a sandbox provider, and not that of MCP, before it is needed',
  (entry) => {
    const packages = packagesOf(entry)
    expect(packages).toContain('zod')
    const lazy = /^(?:e2b|dockerode|@modelcontextprotocol\/.*)$/
    expect([...packages].filter((name) => lazy.test(name))).toEqual([])
  },
)

it('the provider at E2B is what loads its package', () => {
  expect(packagesOf('src/runtime/sandbox/e2b/e2b-provider.ts')).toContain('e2b')
})
