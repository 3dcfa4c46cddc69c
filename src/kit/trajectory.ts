/** One recorded tool call of a trajectory. */
export interface TrajectoryCall {
  /** 1, 2, 3 … without gaps. */
  readonly seq: number
  readonly callId: string
  readonly tool: string
  readonly arguments: unknown
  readonly output: string
  /** A grader only sees `ok` and `refused`: a rollout with other calls is ungradable. */
  readonly outcome: 'running' | 'ok' | 'refused' | 'failed'
  readonly code: string | null
  readonly attempt: number
  readonly startedAt: Date
  readonly finishedAt: Date | null
}
