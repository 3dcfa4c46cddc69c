import { cpSync } from 'node:fs'

// The compiler copies no SQL; src/migrate.ts looks for it beside itself.
cpSync('schema/migrations', 'dist/schema/migrations', { recursive: true })
