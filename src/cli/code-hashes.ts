import { join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { graders } from '../../graders/index.ts'
import { programFolder, writeCodeHashes } from '../runtime/code-hash.ts'

// A step of the build, which runs compiled, in the folder of the sources: compiled code has no sources, and a grader's hash is
// that of its sources.
const sources = resolve('.')
await writeCodeHashes(sources, graders, process.argv[2] ?? programFolder, (file) => {
  const compiled = join(programFolder, relative(sources, file)).replace(/\.ts$/, '.js')
  return import(pathToFileURL(compiled).href)
})
