import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'

// Copies the files that the build reads and the compiler does not emit: both chains of SQL migrations, templates of sandboxes,
// what the dashboard's pages load, JSON graders, and the datasets of the demo.
const [dist = 'dist'] = process.argv.slice(2)
for (const folder of ['src/ledger/migrations', 'schema/migrations', 'schema/repositories', 'src/dashboard/assets']) {
  // A file that was removed must not be used from an earlier build.
  rmSync(`${dist}/${folder}`, { recursive: true, force: true })
  if (existsSync(folder)) cpSync(folder, `${dist}/${folder}`, { recursive: true })
}

const graders = (folder) => readdirSync(folder).filter((file) => /\.jsonl?$/.test(file))
mkdirSync(`${dist}/graders`, { recursive: true })
// A grader that was removed must not be served from an earlier build.
for (const file of graders(`${dist}/graders`)) rmSync(`${dist}/graders/${file}`)
for (const file of graders('graders')) cpSync(`graders/${file}`, `${dist}/graders/${file}`)

if (existsSync('demo')) {
  mkdirSync(`${dist}/demo`, { recursive: true })
  for (const file of readdirSync('demo')) {
    if (file.endsWith('.jsonl')) cpSync(`demo/${file}`, `${dist}/demo/${file}`)
  }
}
