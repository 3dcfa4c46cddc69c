import { graders } from '../../graders/index.ts'
import { programFolder, writeCodeHashes } from '../runtime/code-hash.ts'

// A step of the build: compiled code has no sources, and a grader's hash is that of its sources.
await writeCodeHashes(programFolder, graders, process.argv[2] ?? 'dist')
