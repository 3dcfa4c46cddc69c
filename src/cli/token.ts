import { randomBytes } from 'node:crypto'
import { appendFile, readFile } from 'node:fs/promises'
import { parseArgs, parseEnv } from 'node:util'
import { parseScopes, SCOPES, type Scope } from '../auth/scopes.ts'
import { readAuthSettings } from '../auth/settings.ts'
import { signToken } from '../auth/sign-token.ts'

const HELP = `Makes a token (a JWT signed with JWT_SECRET) for a caller of this server.

  npm run token -- --scope tools,grade --days 30 --subject my-trainer

  --scope    what the caller may do, joined by commas: ${SCOPES.join(', ')} (default: tools,grade)
  --days     for how many days it is valid: 1 to 3650 (default: 30)
  --subject  whose it is, for the log (default: token)

JWT_SECRET, JWT_ISSUER and JWT_AUDIENCE come from the environment or from the file .env here; without a JWT_SECRET
a random one is made and written to .env. The token alone goes to stdout, all else to stderr; so that npm prints
nothing of its own there either: npm run --silent token -- …
`

interface Wishes {
  readonly scopes: readonly Scope[]
  readonly days: number
  readonly subject: string
}

function readWishes(args: readonly string[]): Wishes | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scope: { type: 'string', multiple: true, default: ['tools,grade'] },
      days: { type: 'string', default: '30' },
      subject: { type: 'string', default: 'token' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return 'help'
  return {
    scopes: labelled('--scope', () => parseScopes(values.scope.join(','))),
    days: readDays(values.days),
    subject: readSubject(values.subject),
  }
}

function labelled<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new Error(`${name}: ${messageOf(error)}`)
  }
}

function readDays(text: string): number {
  const days = Number(text)
  if (/^\d+$/.test(text) && days >= 1 && days <= 3650) return days
  throw new Error(`--days: must be a whole number from 1 to 3650, but is "${text}"`)
}

function readSubject(text: string): string {
  if (/^[^\p{Cc}]{1,200}$/u.test(text)) return text
  throw new Error('--subject: must be 1 to 200 characters, no line breaks')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw new Error(`${path}: cannot be read (${messageOf(error)})`)
  }
}

async function keepSecret(path: string, content: string, secret: string): Promise<void> {
  const newline = content === '' || content.endsWith('\n') ? '' : '\n'
  try {
    await appendFile(path, `${newline}JWT_SECRET=${secret}\n`, { mode: 0o600 })
  } catch (error) {
    throw new Error(`${path}: the new JWT_SECRET cannot be written (${messageOf(error)})`)
  }
}

async function main(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const wishes = readWishes(args)
  if (wishes === 'help') {
    process.stderr.write(HELP)
    return
  }
  const content = await readIfThere('.env')
  const set = Object.entries(env).filter(([, value]) => value !== '')
  const given: NodeJS.ProcessEnv = { ...parseEnv(content), ...Object.fromEntries(set) }
  const { JWT_SECRET = '' } = given
  const fresh = JWT_SECRET === '' ? randomBytes(48).toString('base64url') : undefined
  const { jwt } = readAuthSettings(fresh === undefined ? given : { ...given, JWT_SECRET: fresh })
  if (!jwt?.secret) throw new Error('JWT_SECRET: is missing')

  const issuedAt = new Date()
  const expiresAt = new Date(issuedAt.getTime() + wishes.days * 24 * 60 * 60 * 1000)
  const token = await signToken({ ...jwt, secret: jwt.secret }, { ...wishes, issuedAt, expiresAt })
  if (fresh !== undefined) {
    await keepSecret('.env', content, fresh)
    process.stderr.write(
      'There was no JWT_SECRET, so a new one was added to .env. Restart a server that runs: it knows the secret from its\n' +
        'next start on, and then asks every caller for a token or key. A server elsewhere needs the same JWT_SECRET.\n\n',
    )
  }
  process.stdout.write(`${token}\n`)
  process.stderr.write(
    `subject  ${wishes.subject}\nscopes   ${wishes.scopes.join(', ')}\n` +
      `expires  ${expiresAt.toISOString()} (in ${wishes.days} days)\nheader   Authorization: Bearer <the token above>\n`,
  )
}

try {
  await main(process.argv.slice(2), process.env)
} catch (error) {
  process.stderr.write(`${messageOf(error)}\nnpm run token -- --help says how.\n`)
  process.exitCode = 1
}
