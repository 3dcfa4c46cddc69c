import type { Grader } from '../../kit/define-grader.ts'
import { sketchTools } from './busy-calls.ts'
import { type CheckThresholds, checkGrader } from './check-grader.ts'
import type { Finding } from './finding.ts'
import { referencesOf } from './references.ts'
import { readCheckRow } from './rows.ts'
import { noServices } from './services.ts'
import { findingsTable } from './table.ts'
import type { CheckServices } from './try-answer.ts'

/** What a grader is checked with. */
export interface ExpectGraderOptions {
  /** Items of the dataset, or `{ item, answers }` with labelled answers. Three and more say something. */
  readonly items: readonly unknown[]
  /** The item's field that holds a right answer, where it has no usual name and there are no labelled answers. */
  readonly reference?: string
  /** The tools that a rollout can call: those of `tools/index.ts`. */
  readonly tools?: Parameters<typeof sketchTools>[0]
  /** The database, the vectors and the judge, for a grader that asks them. */
  readonly services?: CheckServices
}

/** Thrown where a grader fails its check; the message has the checks that it fails, with examples and advice. */
export class GraderCheckError extends Error {
  override readonly name = 'GraderCheckError'
  readonly findings: readonly Finding[]

  constructor(grader: string, findings: readonly Finding[]) {
    super(
      `the grader "${grader}" fails its check\n${findingsTable(findings.filter(({ verdict }) => verdict === 'fail'))}`,
    )
    this.findings = findings
  }
}

/**
 * Checks a grader in a test, with any test runner.
 *
 * @example await expectGrader(finqa, { items }).toPass({ threshold: 0.05 })
 */
export function expectGrader(grader: Grader, { items, reference, tools = [], services }: ExpectGraderOptions) {
  const findings = (thresholds: CheckThresholds) => {
    const rows = items.map(readCheckRow)
    const material = {
      grader,
      rows,
      references: referencesOf(rows, grader, reference),
      tools: sketchTools(tools),
      services: services ?? noServices(),
    }
    return checkGrader(material, thresholds)
  }
  return {
    /** Resolves with what was found; throws a {@link GraderCheckError} when a check fails. Warnings are no failures. */
    async toPass(thresholds: CheckThresholds = {}): Promise<readonly Finding[]> {
      const found = await findings(thresholds)
      if (found.some(({ verdict }) => verdict === 'fail')) throw new GraderCheckError(grader.name, found)
      return found
    },
  }
}
