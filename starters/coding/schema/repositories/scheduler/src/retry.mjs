import { defaults } from './config.mjs'

/** How long to wait before a try, in milliseconds: twice as long each time. */
export function delay(attempt, settings = {}) {
  const { baseMs } = { ...defaults, ...settings }
  return baseMs * 2 ** (attempt - 1)
}
