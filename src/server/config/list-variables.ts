import { z } from 'zod'
import type { SettingVariable } from '../../kit/settings.ts'
import { authVariables, defaultKeyHeaders, secretAuthVariables } from '../auth/settings.ts'
import type { GivenVariables } from './config.ts'
import { secretVariables, variables } from './variables.ts'

/** An environment variable with its effective value. */
export interface ListedVariable {
  readonly name: string
  readonly source: 'environment' | '.env' | 'default' | 'not set'
  /** Undefined if it is not set or must not be shown. */
  readonly value: string | undefined
  readonly isSecret: boolean
  readonly description: string | undefined
}

/** Every variable that the server reads. Secrets are listed without their values. */
export function listVariables(given: GivenVariables): ListedVariable[] {
  const server = Object.entries(variables.shape).map(([name, field]) =>
    listed(given, name, secretVariables.has(name), defaultOf(field)),
  )
  const auth = Object.keys(authVariables.shape).map((name) => {
    const byDefault = name === 'API_KEY_HEADERS' ? defaultKeyHeaders.join(',') : undefined
    return listed(given, name, secretAuthVariables.has(name), byDefault)
  })
  return [...server, ...auth]
}

/** The settings of an environment, without any values. */
export function listSettings(given: GivenVariables, settings: readonly SettingVariable[]): ListedVariable[] {
  return settings.map(({ name, description, isRequired }) => {
    const { source } = listed(given, name, true, isRequired ? undefined : '')
    return { name, source, value: undefined, isSecret: true, description }
  })
}

function listed(
  { env, fromFile }: GivenVariables,
  name: string,
  isSecret: boolean,
  byDefault: string | undefined,
): ListedVariable {
  const value = env[name]
  const shared = { name, isSecret, description: undefined }
  if (value === undefined || value === '') {
    return { ...shared, source: byDefault === undefined ? 'not set' : 'default', value: byDefault }
  }
  return { ...shared, source: fromFile.has(name) ? '.env' : 'environment', value: isSecret ? undefined : value }
}

/** The default of a variable as text; undefined if it has none. */
function defaultOf(field: z.ZodType): string | undefined {
  const { data } = z.safeParse(field, undefined)
  if (data === undefined) return undefined
  return data instanceof Map ? [...data.keys()].join(',') : String(data)
}
