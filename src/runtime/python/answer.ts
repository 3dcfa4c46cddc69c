import { z } from 'zod'
import { redacted } from '../../base/redact.ts'
import type { NoAnswer, ScoreAnswer } from '../openai-graders/runners.ts'
import type { Subject } from '../openai-graders/template-path.ts'
import type { Ended } from './child.ts'

/** Why Python gave no answer, as in `python_grader_server_error_type`. */
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

const outcome = z.union([
  z.strictObject({ score: z.number() }),
  z.strictObject({ error: z.strictObject({ where: z.string(), message: z.string() }) }),
  z.strictObject({ memory: z.literal(true) }),
  z.strictObject({ input: z.literal(true) }),
])

/** The line that the harness writes before it runs the code. */
const ready = /^ready( landlock)?\n/
/** The details consist of at most two of these: where the error was raised, and its message. */
const maxDetail = 1_000

/** Whether the kernel's Landlock was in force when the code ran. */
export function usedLandlock({ result }: Ended): boolean {
  return ready.exec(result)?.[1] !== undefined
}

/** Reads how a run of the harness ended: a score, or which flag is raised. */
export function readEnded(ended: Ended, seconds: number, subject: Subject): ScoreAnswer {
  const { code, signal, stopped, result, complaint } = ended
  if (stopped === 'time') return serverError('TimeoutError', `the Python code took longer than ${seconds} s`)
  if (stopped === 'output') return serverError('OutputLimit', 'the Python code printed more than it may')
  const start = ready.exec(result)
  if (start === null) {
    const why = complaint.split('\n').at(-1) ?? ''
    return serverError('CannotStart', `Python did not start${why === '' ? '' : `: ${why.slice(0, 300)}`}`)
  }
  if (signal !== null || code !== 0) {
    const how = signal === null ? `exited with code ${code}` : `was killed by ${signal}`
    return serverError('Crashed', `the Python code ${how}`)
  }
  const line = result.slice(start[0].length)
  if (line === '') return serverError('Crashed', 'the Python code exited before it returned a score')
  const read = parse(line)
  if (read === undefined) return serverError('ResultUnreadable', 'the result from Python cannot be read')
  if ('score' in read) return { ok: true, score: read.score, reason: 'the Python code scored it' }
  if ('memory' in read) return serverError('MemoryLimit', 'the Python code used more memory than it may')
  if ('input' in read) return serverError('InputUnreadable', 'the sample or the item is nested too deeply for Python')
  return runtimeError(read.error.where, redacted(new Error(read.error.message), subject).message)
}

/** The answer when Python could not run, or did not end by itself. */
export function serverError(type: ServerErrorType, reason: string): NoAnswer {
  return { ok: false, errors: { python_grader_server_error: true, python_grader_server_error_type: type }, reason }
}

function runtimeError(where: string, message: string): NoAnswer {
  const details = `${where.slice(-maxDetail)}${message.slice(0, maxDetail)}`
  const errors = { python_grader_runtime_error: true, python_grader_runtime_error_details: details }
  return { ok: false, errors, reason: `the Python code failed: ${message.slice(0, 300)}` }
}

function parse(line: string): z.infer<typeof outcome> | undefined {
  try {
    return outcome.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}
