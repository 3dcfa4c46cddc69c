import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'postgresql',
  schema: ['./schema/!(environment).ts', './src/ledger/tables.ts'],
  out: './schema/migrations',
})
