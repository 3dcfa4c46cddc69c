/** The limits of a server; all times in seconds. */
export interface Limits {
  /** The maximum size of a request body. */
  readonly maxBodyBytes: number
  /** The maximum number of requests in flight; further ones are rejected. */
  readonly maxRequestsInFlight: number
  /** The maximum total size of the bodies of the requests in flight. */
  readonly maxBytesInFlight: number
  /** The maximum size of a tool's output as JSON. */
  readonly maxOutputBytes: number
  /** The timeout of a tool without `timeoutSeconds`. */
  readonly toolSeconds: number
  /** The timeout of a grader without `timeoutSeconds`. */
  readonly graderSeconds: number
  /** The time in which a call is answered, including waiting: less than the trainer's timeout of ten minutes. */
  readonly answerSeconds: number
  /** How long a failed call's answer is delayed while the failure cannot be recorded. */
  readonly holdSeconds: number
  /** How long a grading waits for calls that are still running. */
  readonly waitSeconds: number
  /** How long the lease on a call with external effects lasts without renewal. */
  readonly leaseSeconds: number
  /** How long after its latest call a rollout without a grading ends. */
  readonly idleSeconds: number
  /** How long after its latest grading a rollout ends: trainers ask for a grading twice. */
  readonly keepSeconds: number
}

/**
 * The maximum size of a body that contains a model's whole response, in bytes, unless `maxBodyBytes` is higher: trainers send
 * the ids and log probabilities of all tokens with it.
 */
export const maxResponseBytes = 33_554_432

/** The default limits. */
export const defaultLimits: Limits = {
  maxBodyBytes: 1_048_576,
  // A burst of 500 rollouts with parallel calls is thousands of requests, and calls that wait for an external service
  // last for minutes. A waiting request takes some 20 kB in addition to its body.
  maxRequestsInFlight: 10_000,
  // Once read and parsed, a body takes a few times its size in memory.
  maxBytesInFlight: 268_435_456,
  maxOutputBytes: 1_000_000,
  toolSeconds: 60,
  graderSeconds: 300,
  answerSeconds: 570,
  holdSeconds: 5,
  waitSeconds: 30,
  leaseSeconds: 30,
  idleSeconds: 3_600,
  keepSeconds: 300,
}
