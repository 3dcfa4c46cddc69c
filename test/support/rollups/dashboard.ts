import type { Hono } from 'hono'
import type { Sql } from 'postgres'
import { createDashboard, type DashboardDeps } from '../../../src/dashboard/dashboard.tsx'
import type { Viewer } from '../../../src/dashboard/session.ts'
import { AuthError } from '../../../src/kit/errors.ts'

/** The keys of a dashboard under test, and who owns them. */
export const owners: Readonly<Record<string, Viewer>> = {
  'key-of-all': { name: 'lab', runs: undefined, seesReference: true },
  'key-of-exp': { name: 'exp', runs: ['exp-*'], seesReference: false },
}

/** A dashboard on a database, which is open unless `isOpen` is false. */
export function testDashboard(sql: Sql, settings: Partial<DashboardDeps> = {}): Hono {
  return createDashboard({
    sql,
    identify: async (key) => {
      const owner = owners[key]
      if (owner === undefined) throw new AuthError('invalid_token', 'This is none of the keys.', '')
      return owner
    },
    endsAt: () => undefined,
    isOpen: true,
    signingKey: async () => new Uint8Array(32),
    keys: [],
    trusted: 'answer',
    budget: 10,
    health: async () => [{ title: 'This replica', about: '', facts: [{ name: 'version', value: '1' }] }],
    hasSandboxes: false,
    gradeAgain: undefined,
    isDraining: () => false,
    ...settings,
  })
}

/** Logs in, and returns the header that later requests carry. */
export async function logIn(app: Hono, key: string): Promise<{ readonly cookie: string }> {
  const response = await app.request('/dashboard/login', {
    method: 'POST',
    headers: { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ key, next: '/dashboard' }).toString(),
  })
  return { cookie: response.headers.get('set-cookie')?.split(';')[0] ?? '' }
}
