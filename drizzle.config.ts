import { defineConfig } from 'drizzle-kit'

// The tables of the environment alone: the ledger's have a chain of their own, see `npm run migrations:ledger`.
export default defineConfig({
  dialect: 'postgresql',
  schema: ['./schema/!(*.test).ts'],
  out: './schema/migrations',
})
