import postgres from 'postgres'
import { z } from 'zod'
import { startEmbedded } from '../../src/postgres/embedded/embedded.ts'

// Starts the embedded database as a server process does, prints its address on one line, and stops it on SIGTERM. With
// `write` it inserts rows one by one and prints the id of each after its commit.
const { write, ...options } = z
  .object({ dir: z.string(), bases: z.array(z.string()), write: z.boolean() })
  .parse(JSON.parse(process.argv[2] ?? ''))

const embedded = await startEmbedded(options)
process.once('SIGTERM', () => embedded.stop().then(() => process.exit(0)))
process.stdout.write(`${embedded.url}\n`)
if (write) {
  const sql = postgres(embedded.url, { max: 1, onnotice() {} })
  await sql`create table if not exists written (id bigint generated always as identity)`
  for (;;) {
    const [row] = await sql<{ id: string }[]>`insert into written default values returning id`
    process.stdout.write(`${row?.id}\n`)
  }
}
