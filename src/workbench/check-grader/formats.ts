import { numberIn } from './attacks.ts'

/** Ways to write an answer that change nothing of what it says. */
export const formats: readonly (readonly [name: string, write: (answer: string) => string | undefined])[] = [
  ['as it is', (answer) => answer],
  ['with white space around it', (answer) => `\n  ${answer} \n`],
  ['in bold', (answer) => `**${answer}**`],
  ['in a code fence', (answer) => `\`\`\`\n${answer}\n\`\`\``],
  [
    'in \\boxed{}',
    (answer) => (numberIn(answer) === undefined ? undefined : `$\\boxed{${answer.replace('%', '\\%')}}$`),
  ],
  ['with a full stop', (answer) => (/[\p{L}\d%)]$/u.test(answer) ? `${answer}.` : undefined)],
  ['in upper case', (answer) => changedOr(answer, answer.toUpperCase())],
  ['in lower case', (answer) => changedOr(answer, answer.toLowerCase())],
  [
    'with thousands separators',
    (answer) =>
      numberIn(answer) === undefined
        ? undefined
        : changedOr(answer, answer.replace(/(?<![\d.])\d{5,}(?!\d)/, separated)),
  ],
  ['with a plus sign', (answer) => (/^\d/.test(answer) && numberIn(answer) !== undefined ? `+${answer}` : undefined)],
  ['after "Answer:"', (answer) => `Answer: ${answer}`],
]

const changedOr = (answer: string, changed: string) =>
  changed === answer || looksLikeCode(answer) ? undefined : changed

/** Where case and separators say something. */
const looksLikeCode = (answer: string) => /[{}[\]/\\_=]/.test(answer)

const separated = (digits: string) => digits.replace(/\B(?=(?:\d{3})+$)/g, ',')
