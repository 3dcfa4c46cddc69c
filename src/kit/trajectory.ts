/** One tool call of a trajectory, as it was recorded. */
export interface TrajectoryCall {
  /** 1, 2, 3 … without gaps within a rollout. */
  readonly seq: number
  readonly callId: string
  readonly tool: string
  readonly arguments: unknown
  readonly output: string
  /** `failed` and `running` never reach a grader: such a rollout is ungradable. */
  readonly outcome: 'running' | 'ok' | 'refused' | 'failed'
  readonly code: string | null
  readonly attempt: number
  readonly startedAt: Date
  readonly finishedAt: Date | null
}
