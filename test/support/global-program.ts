import { execFileSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of the compiled project, which starts in half the time. */
    compiled: string
  }
}

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Compiles the server with the test environment once, below `node_modules`, where it finds its dependencies. */
export function setup(project: TestProject): () => void {
  const folder = join(root, `node_modules/.cache/scorekeeper-tests-${process.pid}`)
  const options = { cwd: root, stdio: 'inherit' } as const
  const compiler = [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.test.json', '--outDir', folder]
  execFileSync(process.execPath, compiler, options)
  execFileSync(process.execPath, ['scripts/copy-data.js', folder], options)
  const graders = 'test/environment/graders'
  cpSync(join(root, graders), join(folder, graders), { recursive: true, filter: (path) => !path.endsWith('.ts') })
  project.provide('compiled', folder)
  return () => rmSync(folder, { recursive: true, force: true })
}
