import { z } from 'zod'
import { concealed } from '../../base/redact.ts'
import type { NoAnswer, ScoreAnswer } from '../openai-graders/runners.ts'
import type { Subject } from '../openai-graders/template-path.ts'
import type { Ended } from './child.ts'

/** Why Python gave no answer; `python_grader_server_error_type` says it. */
export type ServerErrorType =
  | 'NotFound'
  | 'CannotStart'
  | 'SourceTooLong'
  | 'InputUnreadable'
  | 'TimeoutError'
  | 'MemoryLimit'
  | 'OutputLimit'
  | 'Crashed'
  | 'ResultUnreadable'

const told = z.union([
  z.strictObject({ score: z.number() }),
  z.strictObject({ error: z.strictObject({ where: z.string(), message: z.string() }) }),
  z.strictObject({ memory: z.literal(true) }),
  z.strictObject({ input: z.literal(true) }),
])

const ready = 'ready\n'
/** The details are two of these at most: where it was, and what it was. */
const mostOfEither = 1_000

/** What a run of the harness says of the sample: a score, or which flag is raised. */
export function readEnded(ended: Ended, seconds: number, subject: Subject): ScoreAnswer {
  const { code, signal, stopped, result, complaint } = ended
  if (stopped === 'time') return serverError('TimeoutError', `the Python code took longer than ${seconds} s`)
  if (stopped === 'output') return serverError('OutputLimit', 'the Python code wrote more than it may')
  if (!result.startsWith(ready)) {
    const why = complaint.split('\n').at(-1) ?? ''
    return serverError('CannotStart', `Python did not start${why === '' ? '' : `: ${why.slice(0, 300)}`}`)
  }
  if (signal !== null || code !== 0) {
    const how = signal === null ? `ended itself with code ${code}` : `was ended by ${signal}`
    return serverError('Crashed', `the Python code ${how}`)
  }
  const line = result.slice(ready.length)
  if (line === '') return serverError('Crashed', 'the Python code ended itself before it had a score')
  const read = parse(line)
  if (read === undefined) return serverError('ResultUnreadable', 'what came back from Python is no result')
  if ('score' in read) return { ok: true, score: read.score, reason: 'the Python code scored it' }
  if ('memory' in read) return serverError('MemoryLimit', 'the Python code used more memory than it may')
  if ('input' in read) return serverError('InputUnreadable', 'the sample or the item is nested too deep for Python')
  return runtimeError(read.error.where, concealed(new Error(read.error.message), subject).message)
}

/** Python could not be run or did not come to an end by itself. */
export function serverError(type: ServerErrorType, reason: string): NoAnswer {
  return { ok: false, errors: { python_grader_server_error: true, python_grader_server_error_type: type }, reason }
}

function runtimeError(where: string, message: string): NoAnswer {
  const details = `${where.slice(-mostOfEither)}${message.slice(0, mostOfEither)}`
  const errors = { python_grader_runtime_error: true, python_grader_runtime_error_details: details }
  return { ok: false, errors, reason: `the Python code failed: ${message.slice(0, 300)}` }
}

function parse(line: string): z.infer<typeof told> | undefined {
  try {
    return told.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}
