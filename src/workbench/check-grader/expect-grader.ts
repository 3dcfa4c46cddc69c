import type { Grader } from '../../kit/define-grader.ts'
import { sketchTools } from './call-attacks.ts'
import { type CheckThresholds, checkGrader } from './check-grader.ts'
import { type Finding, findingsTable } from './finding.ts'
import { referencesOf } from './references.ts'
import { readCheckRow } from './rows.ts'
import { openTrialSandboxes } from './trial-sandboxes.ts'
import { type CheckServices, noServices } from './try-answer.ts'

/** The options of {@link expectGrader}. */
export interface ExpectGraderOptions {
  /** Items of the dataset, or `{ item, answers }` with labelled answers; at least three. */
  readonly items: readonly unknown[]
  /** The item's field that holds a right answer, if it has no usual name and there are no labelled answers. */
  readonly reference?: string
  /** The tools that a rollout can call: those of `tools/index.ts`. */
  readonly tools?: Parameters<typeof sketchTools>[0]
  /** The database, the embeddings and the judge, for a grader that uses them. Sandboxes are opened on this machine by default. */
  readonly services?: CheckServices
}

/** Thrown if a grader fails its check; the message lists the failed checks with examples and advice. */
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
  const findings = async (thresholds: CheckThresholds) => {
    const rows = items.map(readCheckRow)
    const given = services ?? noServices()
    const material = { grader, rows, references: referencesOf(rows, grader, reference), tools: sketchTools(tools) }
    const sandboxes = given.sandboxes ?? (await openTrialSandboxes(grader))
    try {
      return await checkGrader({ ...material, services: { ...given, sandboxes } }, thresholds)
    } finally {
      if (given.sandboxes === undefined && typeof sandboxes === 'object') await sandboxes.close()
    }
  }
  return {
    /** Resolves with the findings. Throws a {@link GraderCheckError} if a check fails; warnings are not failures. */
    async toPass(thresholds: CheckThresholds = {}): Promise<readonly Finding[]> {
      const found = await findings(thresholds)
      if (found.some(({ verdict }) => verdict === 'fail')) throw new GraderCheckError(grader.name, found)
      return found
    },
  }
}
