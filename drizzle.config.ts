import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'postgresql',
  schema: './schema/!(environment).ts',
  out: './schema/migrations',
})
