import { defineGrader } from '../app.ts'

/** A grader that says the same of everything. */
export const half = defineGrader({ name: 'half', version: '1', grade: () => 0.5 })
