import type { Behaviour } from '../../../test/support/judge/model-server.ts'
import { verdict } from '../../../test/support/judge/model-server.ts'

/** The judge's verdict on a statement about an answer. */
export type Says = (statement: string, answer: string) => number

/** A judging model that parses requests as a model would and answers with `says`. */
export const judging =
  (says: Says): Behaviour =>
  ({ body: { messages } }) => {
    const statement = /^The statement: (.*)$/mu.exec(String(messages[0]?.content))?.[1]
    const shown = /^<<<ANSWER \w+>>>\n(.*)\n<<<END OF ANSWER \w+>>>$/su.exec(String(messages[1]?.content))?.[1]
    if (statement === undefined || shown === undefined) throw new Error('no statement or no answer was sent')
    return verdict(says(statement, shown), `of "${statement}"; score: 1`)
  }

/** Patterns that approximate when each statement is true of a labelled answer. */
const signs: readonly (readonly [statement: string, of: RegExp])[] = [
  ['grapes must not be given', /^\W*(?:no\b|better not)/i],
  ['damage the kidneys', /kidney/i],
  ['amount of grapes as harmless', /do no harm/],
  ['scatters short wavelengths more', /scatters (?:short|blue)|short wavelengths are scattered/],
  ['the sky is not violet', /violet (?:is|would)/i],
  ['the sky mirrors the sea', /mirrors the sea/],
  ['blot instead of rub', /blot/i],
  ['cold water', /cold water/i],
  ['dissolves the stain', /soap|washing-up liquid/i],
  ['bleach with ammonia or vinegar', /bleach and vinegar/],
  ['names the day and both times', /Tuesday.*9.*12/s],
  ['It is polite', /^Dear/],
  ['threatens the tenant', /you are out/],
  ['intact charger it is safe', /^(?:yes|in general yes)/i],
  ['covering the phone', /pillow/],
  ['bridge was approved', /approved/],
  ['work begins in May', /May/],
  ['something that the text does not', /million/],
  ['an emergency number', /Call|call the emergency number/],
  ['begin chest compressions', /compressions/],
  ['give the person water', /water to drink/],
  ['total interest is higher over 20 years', /more interest|interest: higher|adds up to more/],
  ['monthly payment is lower over 20 years', /each month less|payment: lower|lower monthly payment/],
]

/**
 * A judge of the labelled answers that matches words instead of meaning. As the prompt requires, it gives 0 for an answer
 * that repeats the statement.
 */
export const bySigns: Says = (statement, answer) => {
  const sign = signs.find(([part]) => statement.includes(part))
  if (sign === undefined) throw new Error(`no pattern for "${statement}"`)
  return Number(sign[1].test(answer) && !answer.includes(statement.replace(/[.]$/u, '')))
}
