import { z } from 'zod'
import { requirements } from '../base/issues.ts'

/** The validated settings of an environment. Tools and graders get the values as `context.settings`. */
export interface ReadSettings {
  /** The environment variables from which they were read. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** The strings that must be redacted in the log: the values, and the passwords and keys in them. */
  readonly hidden: readonly string[]
}

/** The result of {@link SettingsReader.read}: the settings, or one sentence for each missing or invalid variable. */
export type SettingsResult =
  | { readonly ok: true; readonly settings: ReadSettings }
  | { readonly ok: false; readonly problems: readonly string[] }

/** The description of one setting. */
export interface SettingVariable {
  /** The name of its environment variable. */
  readonly name: string
  /** The description in its schema. */
  readonly description: string | undefined
  /** Whether its value is omitted from messages. */
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
   * Returns the function that gives tools and graders their values: the defaults if `settings` is undefined.
   *
   * @throws Error that names the missing or invalid variables, if another environment read the settings. If `settings` is
   * undefined, the returned function throws it.
   */
  accessor(settings: ReadSettings | undefined): () => Values
}

/** Creates the reader of an environment's settings. Throws if a name is not valid for an environment variable. */
export function createSettingsReader<Values>(
  declared: (z.ZodObject & z.ZodType<Values>) | undefined,
): SettingsReader<Values> {
  const variables = declared === undefined ? [] : variablesOf(declared)
  // Without a declaration, `Values` is NoSettings.
  const schema = declared ?? z.custom<Values>()
  // `ReadSettings` does not carry the type of the values; this map restores it.
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
      throw new Error(`invalid setting name "${name}": use the name of an environment variable, such as MAIL_URL`)
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

/** The requirement of a missing setting. The message for an empty string says more than "must be a string". */
function whenMissing(shape: z.ZodRawShape, name: string): string | undefined {
  const field = shape[name]
  const empty = field === undefined ? undefined : z.safeParse(field, '', requirements)
  return empty?.success === false ? empty.error.issues[0]?.message : undefined
}

/** Whether a value is a URL with a user, a password or a query. */
function holdsSecret(text: string): boolean {
  if (!URL.canParse(text)) return text.includes('@')
  const { username, password, search } = new URL(text)
  return `${username}${password}${search}` !== ''
}

/** Shorter values are not redacted, nor are `true` and `false`: they occur in unrelated text too often. */
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
