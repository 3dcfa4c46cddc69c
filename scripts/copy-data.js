import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'

// The compiler copies no SQL and no JSON: src/postgres/migrate.ts, src/server.ts and the program look for theirs beside themselves.
const [dist = 'dist'] = process.argv.slice(2)
for (const folder of ['src/ledger/migrations', 'schema/migrations']) {
  // A migration that was removed must not be applied from an earlier build.
  rmSync(`${dist}/${folder}`, { recursive: true, force: true })
  if (existsSync(folder)) cpSync(folder, `${dist}/${folder}`, { recursive: true })
}

const graders = (folder) => readdirSync(folder).filter((file) => /\.jsonl?$/.test(file))
mkdirSync(`${dist}/graders`, { recursive: true })
// One that is gone would be served on.
for (const file of graders(`${dist}/graders`)) rmSync(`${dist}/graders/${file}`)
for (const file of graders('graders')) cpSync(`graders/${file}`, `${dist}/graders/${file}`)
