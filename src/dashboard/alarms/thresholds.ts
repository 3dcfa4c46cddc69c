/**
 * When alarms begin. A window is five bursts of training, or ten minutes in a run without bursts; an alarm begins when its rule
 * holds in two windows in a row, and ends when it holds in neither. Shares are from 0 to 1, scores as the graders give them.
 */
export const thresholds = {
  /** How many bursts, and how many minutes, a window has. */
  windowBursts: 5,
  windowMinutes: 10,
  /** Gradings that failed or were ungradable, of all gradings. */
  noScore: { warn: 0.01, page: 0.05, leastGradings: 50 },
  /** Executions of tools that failed, of all. */
  failedCalls: { warn: 0.01, page: 0.05, leastCalls: 100 },
  /** Requests within ten minutes whose key was refused, by these codes. */
  refusedKeys: {
    ...{ warn: 20, page: 200 },
    codes: ['missing_token', 'invalid_token', 'expired_token', 'insufficient_scope', 'run_forbidden'],
  },
  /** Requests within ten minutes whose item does not fit, or belongs to another rollout. */
  unfitItems: { warn: 5, page: 50, codes: ['item_misfit', 'rollout_has_another_item'] },
  /** Groups whose rewards are equal, of all groups of two or more. */
  noSpread: { warn: 0.5, page: 0.8, leastGroups: 10 },
  /** The mean reward from which on there is nothing left to learn. */
  ceiling: { warn: 0.95, leastScores: 100 },
  /** How far back a change is measured, in bursts; and the least scores at each end. */
  change: { bursts: 20, leastScores: 50 },
  /** The reward rises by so much while the trusted part rises by no more than so much. */
  rewardWithoutWork: { reward: 0.05, trusted: 0.01 },
  /** One part rises by so much, and another falls by so much. */
  partsDiverge: { change: 0.1 },
  /** An answer that is given for this share of a window's items, and as many times as often as at the beginning of the run. */
  sameAnswer: { share: 0.2, increase: 2, leastItems: 10 },
  /** The calls per rollout fall to this share, while the trusted part rises by no more than so much. */
  fewerCalls: { share: 0.5, trusted: 0.02 },
  /** Answers become this many times as long, and have at least so many characters on average. */
  longAnswers: { times: 2, leastCharacters: 100 },
  /** Answers compress by this factor on average. */
  repetitiveAnswers: { ratio: 10, leastAnswers: 20 },
  /** A change of the mean from five bursts to the next two: in standard errors, and at least this large. */
  jump: { errors: 4, leastChange: 0.1 },
  /** Validation falls and training rises by so much, over three validations and the three before. */
  overfit: { validation: 0.03, training: 0.03, validations: 3 },
  /** Rollouts that ask for more calls than their budget has. */
  budget: { warn: 0.3, leastRollouts: 50 },
  /** The mean difference between the recorded scores of the anchors and their scores today; the run that has the anchors. */
  judgeDrift: { warn: 0.05, page: 0.15, leastAnchors: 20, run: 'anchors' },
  /** A run that called every so often stops: longer than this many of its longest pauses, and than so many minutes. */
  silence: { pauses: 3, leastMinutes: 10, leastBursts: 5, mostHours: 6 },
  /** The sums are so many minutes behind the ledger. */
  behind: { warn: 3, page: 15 },
} as const
