import { defineGrader } from '../app.ts'

/** A grader that gives everything the same score. */
export const half = defineGrader({ name: 'half', version: '1', grade: () => 0.5 })
