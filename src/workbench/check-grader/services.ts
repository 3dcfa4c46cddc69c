import { noJudge } from '../../kit/judge.ts'
import { openDatabase } from '../../postgres/database.ts'
import type { CheckServices } from './try-answer.ts'

/** What a grader gets that asks nobody: a database that no connection is made to until it is asked, and no judge. */
export function noServices(): CheckServices {
  const { db } = openDatabase({ url: 'postgres://nobody@127.0.0.1:1/none', poolSize: 1 })
  return { db, embed: undefined, judge: noJudge }
}
