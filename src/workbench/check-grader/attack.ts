import type { Grader } from '../../kit/define-grader.ts'
import { rightAnswersOf } from './references.ts'
import type { CheckRow, LabelledAnswer } from './rows.ts'
import type { TriedAnswer } from './try-answer.ts'

/** An answer that is tried on every item and must not pay. */
export interface Attack {
  readonly name: string
  /** The answer to the row at this position; undefined if it cannot be made, or would be right. */
  readonly answer: (row: CheckRow, at: number) => TriedAnswer | undefined
  /** Its calls have invented outputs: if the grader gives no score for them, that is not the grader's fault. */
  readonly isMadeUp?: boolean
  /** Its fault is not in the text, which may be that of a right answer. */
  readonly hasRightText?: boolean
}

/** The parts of a tool that are needed to invent a call. */
export interface ToolSketch {
  readonly name: string
  /** The arguments that take a text. */
  readonly inputs: readonly string[]
  /** The arguments that a call may leave out. */
  readonly optional: readonly string[]
}

/** The material for attacks. */
export interface AttackMaterial {
  readonly rows: readonly CheckRow[]
  /** A right answer to each row, undefined if none is known. */
  readonly references: readonly (string | undefined)[]
  readonly grader: Pick<Grader, 'range'>
  /** The tools that a rollout can call, in addition to those that labelled answers called. */
  readonly tools?: readonly ToolSketch[]
}

/** The labelled answer that is worth most, if it is a right one. */
export function bestAnswerOf(row: CheckRow, { grader }: Pick<AttackMaterial, 'grader'>): LabelledAnswer | undefined {
  return rightAnswersOf(row, grader)[0]
}

/** Whether the given tools are those of the labelled answers: only then is a tool that is not among them impossible. */
export function areToolsKnown({ rows, tools = [] }: AttackMaterial): boolean {
  const names = new Set(tools.map(({ name }) => name))
  const called = rows.flatMap(({ answers }) => answers.flatMap(({ trajectory }) => trajectory))
  return called.length > 0 && called.every(({ tool }) => names.has(tool))
}
