import type { Sql } from 'postgres'
import type { Log } from '../base/log.ts'
import type { Grader } from '../kit/define-grader.ts'
import { changedCode } from '../ledger/reports/recorded-facts.ts'
import { withCodeHashes } from '../runtime/code-hash.ts'

/** The graders with the hashes of their code; as they are where that cannot be found out, which the log then says. */
export async function gradersWithHashes(graders: readonly Grader[], log: Log): Promise<readonly Grader[]> {
  return await withCodeHashes(graders).catch((cause: unknown) => {
    log.warn(
      { code: 'code_hash_unknown', cause },
      'the code of the graders cannot be read: a change of it is not noticed',
    )
    return graders
  })
}

/**
 * Says in the log of each grader whose code is not that of its latest recorded grading, while its version is: what it
 * scores now and what it scored then cannot be told apart by the version. Never rejects.
 */
export async function warnOfChangedGraders(sql: Sql, graders: readonly Grader[], log: Log): Promise<void> {
  for (const { name, version, codeHash } of graders) {
    const code = { grader: name, version, codeHash: codeHash ?? null }
    const before = await changedCode(sql, code).catch(() => undefined)
    if (before === undefined) continue
    const message =
      `the code of the grader "${name}" changed and its version "${version}" did not: give it another, and see ` +
      `docs/regrading.md for what the change does to recorded rollouts`
    log.warn({ code: 'grader_changed', grader: name, version, before, now: codeHash }, message)
  }
}
