import { register } from 'node:module'

// Imported before src/server.ts, so that what is under test is that very program.
register('./resolve.js', import.meta.url)
