/** The limits that a server keeps; all times in seconds. */
export interface Limits {
  /** The most bytes that a request's body may have. */
  readonly maxBodyBytes: number
  /** The most requests that may be in flight; further ones are turned away until some are answered. */
  readonly maxRequestsInFlight: number
  /** The most bytes that their bodies may have together. */
  readonly maxBytesInFlight: number
  /** The most bytes that a tool's output may have as JSON. */
  readonly maxOutputBytes: number
  /** How long a tool may run that does not say so itself. */
  readonly toolSeconds: number
  /** How long a grader may run that does not say so itself. */
  readonly graderSeconds: number
  /** How long a call may take altogether, waiting included: less than the trainer's ten minutes. */
  readonly answerSeconds: number
  /** How long a failed call's answer is held back while the database cannot be told of the failure. */
  readonly holdSeconds: number
  /** How long a grading waits for calls that still run. */
  readonly waitSeconds: number
  /** For how long a claim on a call with external effects holds without renewal. */
  readonly leaseSeconds: number
}

/** The limits when nothing says otherwise. */
export const defaultLimits: Limits = {
  maxBodyBytes: 1_048_576,
  // A burst of 500 rollouts with parallel calls is thousands of requests, and calls that wait for something outside last
  // for minutes. One that waits takes some 20 kB beside its body.
  maxRequestsInFlight: 10_000,
  // A body takes a few times its length once it has been read and parsed.
  maxBytesInFlight: 268_435_456,
  maxOutputBytes: 1_000_000,
  toolSeconds: 60,
  graderSeconds: 300,
  answerSeconds: 570,
  holdSeconds: 5,
  waitSeconds: 30,
  leaseSeconds: 30,
}
