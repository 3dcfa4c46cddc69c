import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { graders } from '../../graders/index.ts'
import { hashesFile, hashGraders, programFolder } from '../runtime/code-hash.ts'

// A step of the build: what is built has no sources, and a grader's hash is that of its sources.
const folder = process.argv[2] ?? 'dist'
const hashes = Object.fromEntries(await hashGraders(programFolder, graders))
writeFileSync(join(folder, hashesFile), `${JSON.stringify(hashes, null, 2)}\n`)
