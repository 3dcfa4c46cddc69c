import type { Ended, Evidence, Rows, SandboxEvidence } from '../../../chaos/evidence.ts'
import type { Answer, SeenCall, SeenRequest, SeenRollout } from '../../../chaos/seen.ts'

/** A 200 to a call. */
export const output = (text: string): Answer => ({
  ...{ kind: 'answered', status: 200, output: text, score: undefined, code: undefined },
})

/** A 200 to a grading. */
export const score = (value: number): Answer => ({
  ...{ kind: 'answered', status: 200, output: undefined, score: value, code: undefined },
})

/** An answer other than 200. */
export const errorAnswer = (status: number, code: string): Answer => ({
  ...{ kind: 'answered', status, output: undefined, score: undefined, code },
})

/** A request that began and ended at these times. */
export const request = (answer: Answer, began = 100, ended = began + 10): SeenRequest => ({
  ...{ pid: 1, began, sent: began, ended, early: false, answer },
})

/** A call of `write` as the trainer saw it. */
export const call = (...requests: SeenRequest[]): SeenCall => ({
  ...{ callId: 'a', tool: 'write', behaviour: 'plain', fits: true, requests },
})

/** A call of `write` as it is recorded. */
export const row: Rows['calls'][number] = {
  ...{ rolloutId: 'r', callId: 'a', seq: 1, tool: 'write', execution: 1, output: 'done x', code: null, outcome: 'ok' },
  startedAt: 100,
}

/** A grading as it is recorded. */
export const grade: Rows['grades'][number] = {
  ...{ rolloutId: 'r', sample: 's', outcome: 'scored', score: 0.5, reason: null, createdAt: 500 },
  parts: { calls: 1, wrote: 1, acted: 0, rows: 20, touched: 1 },
}

/** A rollout that was scored for one call, without a fault. */
export const rollout: SeenRollout = {
  ...{ id: 'r', run: 'one', name: 'r', attempt: 1, ending: 'left', discarded: false },
  ...{ calls: [call(request(output('done x')))] },
  gradings: [{ sample: 's', requests: [request(score(0.5), 400)] }],
}

const soundRows: Rows = {
  calls: [row],
  rollouts: [{ id: 'r', calls: 1, wrote: 1, acted: 0 }],
  writes: [{ rolloutId: 'r', callId: 'a', nonce: 'x' }],
  grades: [grade],
}

/** An attempt that has ended after its grading. */
export const closed: Ended['attempts'][number] = {
  ...{ id: 'r', run: 'one', name: 'r', attempt: 1, number: 7, begun: true, graded: true, released: true },
  outcome: 'graded',
}

/** The hooks of an attempt as they are logged. */
export const begin: Ended['hooks'][number] = { hook: 'begin', number: 7, id: 'r', seeds: 1, rows: 20 }
export const end: Ended['hooks'][number] = { ...begin, hook: 'end' }

const soundEnd: Ended = { attempts: [closed], hooks: [begin, end], held: [], left: [] }

/** A process that is still running. */
export const life: Evidence['lives'][number] = {
  ...{ replica: 0, pid: 1, url: '', askedToStopAt: undefined, killedAt: undefined, endedAt: undefined },
}

/** A sandbox of the attempt with number 7, in which two commands ran. */
export const box: SandboxEvidence['boxes'][number] = {
  handle: 'one',
  labels: { installation: 'chaos', rollout: '7', name: 'box', generation: '1' },
  lines: ['a/1 x', 'a/2 x'],
  removedAt: undefined,
}

/** What was seen of sandboxes, without a fault, except for the given parts. */
export const boxes = (parts: Partial<SandboxEvidence>): SandboxEvidence => ({
  caps: { open: 6, opening: 2 },
  boxes: [box],
  most: { listed: 6, held: 6, opening: 2 },
  left: { listed: 0, recorded: 0 },
  killedCommands: 0,
  ...parts,
})

/** Evidence without a fault, except for the given parts. */
export function evidence({
  rows = {},
  ended = {},
  ...rest
}: Partial<Omit<Evidence, 'rows' | 'ended'>> & { rows?: Partial<Rows>; ended?: Partial<Ended> }): Evidence {
  const deleted = { early: new Set<string>(), late: new Set<string>() }
  const sound = { seen: [rollout], effects: [], lives: [life], deleted, sandboxes: undefined }
  return { ...sound, ...rest, rows: { ...soundRows, ...rows }, ended: { ...soundEnd, ...ended } }
}
