import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'postgresql',
  schema: ['./schema/ledger.ts'],
  out: './schema/migrations',
})
