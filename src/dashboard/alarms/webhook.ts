import { createHmac } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../base/log.ts'
import type { StoredAlarm } from '../../ledger/rollups/alarms.ts'
import { adviceOf, titleOf } from './advice.ts'

/** Where alarms are posted. */
export interface WebhookSettings {
  readonly url: string
  /** Signs each post; undefined for none. */
  readonly secret: string | undefined
  /** The address at which people reach this server, for links. */
  readonly publicUrl: string | undefined
}

/** What happened to an alarm. */
export type AlarmChange = { readonly what: 'began' | 'rose' | 'ended'; readonly alarm: StoredAlarm }

const marks = { warn: '⚠️', page: '🚨' } as const

/** The message about an alarm: what was seen, since when, and what to do, as chat programs show it. */
export function messageOf({ what, alarm }: AlarmChange, publicUrl: string | undefined): string {
  const { run, name, level, seen, since } = alarm
  const where = run === '' ? '' : ` in ${run}`
  if (what === 'ended') return `✅ ${titleOf(name)}${where} is over.`
  const { text, href } = adviceOf(alarm)
  const link = publicUrl === undefined ? '' : ` ${publicUrl.replace(/\/$/, '')}${href}`
  const at = new Date(since).toISOString().slice(0, 16).replace('T', ' ')
  return `${marks[level]} ${titleOf(name)}${where}: ${seen} Since ${at} UTC. ${text}${link}`
}

/**
 * The value of the header `x-scorekeeper-signature`: `t=` the time of the post in seconds, `v1=` the hex HMAC-SHA-256 of that
 * time, a dot and the body. Refuse a post whose time is more than some minutes ago, so that nobody can repeat it.
 */
export function signatureOf(secret: string, body: string, seconds: number): string {
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`
}

/** How often a post is tried, and how long one may take, in milliseconds. */
const tries = 3
const timeoutMs = 10_000

/** Posts what happened to an alarm, as Slack reads it. Never rejects: a post that fails is logged. */
export async function postAlarm(
  settings: WebhookSettings,
  change: AlarmChange,
  log: Log,
  waitMs = 2_000,
): Promise<void> {
  const { url, secret, publicUrl } = settings
  const { run, name, level, since, ended_at } = change.alarm
  const body = JSON.stringify({
    text: messageOf(change, publicUrl),
    alarm: name,
    run: run === '' ? null : run,
    level,
    state: change.what === 'ended' ? 'ended' : 'lasts',
    since: new Date(since).toISOString(),
    ended: ended_at === null ? null : new Date(ended_at).toISOString(),
  })
  const seconds = Math.floor(Date.now() / 1_000)
  const signature = secret === undefined ? {} : { 'x-scorekeeper-signature': signatureOf(secret, body, seconds) }
  for (let turn = 1; ; turn += 1) {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...signature },
        body,
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      })
      await response.body?.cancel()
      if (response.ok) return
      throw new Error(`the answer had the status ${response.status}`)
    } catch (cause) {
      if (turn === tries) {
        log.error(
          { code: 'alarm_not_posted', alarm: name, run, cause },
          'an alarm could not be posted to ALARM_WEBHOOK',
        )
        return
      }
      await sleep(waitMs * turn)
    }
  }
}
