import { z } from 'zod'
import { requirements } from '../base/issues.ts'

/** The settings of an environment, read and validated; tools and graders get the values as `context.settings`. */
export interface ReadSettings {
  /** The environment variables that they were read from. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** The texts that must not appear in the log: the values, and the passwords and keys in them. */
  readonly hidden: readonly string[]
}

/** What {@link SettingsReader.read} gives: the settings, or one sentence for each variable that is missing or wrong. */
export type SettingsResult =
  | { readonly ok: true; readonly settings: ReadSettings }
  | { readonly ok: false; readonly problems: readonly string[] }

/** One setting, for a list of them. */
export interface SettingVariable {
  /** The name of its environment variable. */
  readonly name: string
  /** What its schema's `describe` says of it. */
  readonly description: string | undefined
  /** Whether its value is left out of messages. */
  readonly isSecret: boolean
  /** Whether it must be set. */
  readonly isRequired: boolean
}

/** Reads the settings of one environment. */
export interface SettingsReader<Values> {
  readonly variables: readonly SettingVariable[]
  /** Reads the settings from environment variables; an empty variable counts as not set. */
  read(env: Readonly<Record<string, string | undefined>>): SettingsResult
  /**
   * Gives the function that tools and graders get their values from. Without settings it gives the defaults.
   *
   * @throws Error that names what is missing or wrong, where another environment has read the settings; without settings
   * the function throws it.
   */
  accessor(settings: ReadSettings | undefined): () => Values
}

/** Makes the reader of an environment's settings. Throws when a name cannot be that of an environment variable. */
export function createSettingsReader<Values>(
  declared: (z.ZodObject & z.ZodType<Values>) | undefined,
): SettingsReader<Values> {
  const variables = declared === undefined ? [] : variablesOf(declared)
  // An environment that declares no settings has the type NoSettings for them.
  const schema = declared ?? z.custom<Values>()
  // The values are typed here alone: others pass on what was read, and get the values back with their type.
  const known = new WeakMap<ReadSettings, Values>()

  const given = (env: Readonly<Record<string, string | undefined>>) =>
    Object.fromEntries(variables.flatMap(({ name }) => (env[name] ? [[name, env[name]]] : [])))
  const read = (env: Readonly<Record<string, string | undefined>>): SettingsResult => {
    const texts = given(env)
    const parsed = schema.safeParse(texts, requirements)
    if (!parsed.success)
      return { ok: false, problems: problemsOf(parsed.error, declared?.shape ?? {}, variables, texts) }
    const settings = { env, hidden: Object.values(texts).flatMap(hiddenIn) }
    known.set(settings, parsed.data)
    return { ok: true, settings }
  }
  const valuesOf = (settings: ReadSettings): Values => {
    const values = known.get(settings)
    if (values !== undefined) return values
    const result = read(settings.env)
    if (!result.ok) throw new Error(`the settings cannot be read: ${result.problems.join('; ')}`)
    const parsed = valuesOf(result.settings)
    known.set(settings, parsed)
    return parsed
  }
  const unset: ReadSettings = { env: {}, hidden: [] }
  return {
    variables,
    read,
    accessor(settings) {
      if (settings === undefined || declared === undefined) return () => valuesOf(unset)
      const values = valuesOf(settings)
      return () => values
    },
  }
}

const property = z.looseObject({
  description: z.string().optional(),
  secret: z.boolean().optional(),
})
const jsonSchema = z.looseObject({ properties: z.record(z.string(), property).default({}) })

function variablesOf(schema: z.ZodObject): SettingVariable[] {
  const { properties } = jsonSchema.parse(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }))
  return Object.entries(schema.shape).map(([name, field]) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw new Error(`a setting is named "${name}"; name it like an environment variable, such as MAIL_URL`)
    }
    const { description, secret = secretName.test(name) } = properties[name] ?? {}
    return { name, description, isSecret: secret, isRequired: !z.safeParse(field, undefined).success }
  })
}

/** Names of variables whose values are secrets, unless the schema's `meta({ secret: false })` says otherwise. */
const secretName = /KEY|SECRET|TOKEN|PASS|PWD|CREDENTIAL|AUTH|DSN|CERT|COOKIE/i

function problemsOf(
  error: z.ZodError,
  shape: z.ZodRawShape,
  variables: readonly SettingVariable[],
  texts: Readonly<Record<string, string>>,
): string[] {
  const problems = error.issues.map((issue) => {
    const variable = variables.find(({ name }) => name === issue.path[0])
    if (variable === undefined) return `the settings: ${issue.message}`
    const { name, description, isSecret } = variable
    const about = description === undefined ? '' : ` (${description})`
    const value = texts[name]
    if (value === undefined) return `${name} is not set; it ${whenMissing(shape, name) ?? issue.message}${about}`
    const isShown = !isSecret && !holdsSecret(value) && value.length <= 200
    return isShown ? `${name} was "${value}"; it ${issue.message}${about}` : `${name} ${issue.message}${about}`
  })
  return [...new Set(problems)]
}

/** What a missing setting must be; the message for an empty text says more than "must be a string". */
function whenMissing(shape: z.ZodRawShape, name: string): string | undefined {
  const field = shape[name]
  const empty = field === undefined ? undefined : z.safeParse(field, '', requirements)
  return empty?.success === false ? empty.error.issues[0]?.message : undefined
}

/** Whether a text has a user, a password or a query in it, as an address may. */
function holdsSecret(text: string): boolean {
  if (!URL.canParse(text)) return text.includes('@')
  const { username, password, search } = new URL(text)
  return `${username}${password}${search}` !== ''
}

/** Shorter texts are not hidden, nor are `true` and `false`, because they occur in unrelated text too often. */
const shortestHidden = 4

function hiddenIn(text: string): string[] {
  const texts = [text]
  if (URL.canParse(text)) {
    const { username, password, searchParams } = new URL(text)
    texts.push(username, password, decoded(username), decoded(password), ...searchParams.values())
  }
  return texts.filter((one) => one.length >= shortestHidden && one !== 'true' && one !== 'false')
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
