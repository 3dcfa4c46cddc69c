import type { Behaviour } from '../judge/model-server.ts'
import { verdict } from '../judge/model-server.ts'

/** What the judge says, by the statement that it is asked about and the answer that it is shown. */
export type Says = (statement: string, answer: string) => number

/** A judging model that reads what it is sent as a model would, and says what it is told to say. */
export const judging =
  (says: Says): Behaviour =>
  ({ body: { messages } }) => {
    const statement = /^The statement: (.*)$/mu.exec(String(messages[0]?.content))?.[1]
    const shown = /^<<<ANSWER \w+>>>\n(.*)\n<<<END OF ANSWER \w+>>>$/su.exec(String(messages[1]?.content))?.[1]
    if (statement === undefined || shown === undefined) throw new Error('no statement or no answer was sent')
    return verdict(says(statement, shown), `of "${statement}"; score: 1`)
  }
