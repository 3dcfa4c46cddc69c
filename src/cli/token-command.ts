import { randomBytes } from 'node:crypto'
import { appendFile, readFile } from 'node:fs/promises'
import { parseEnv } from 'node:util'
import { Command, type CommandUnknownOpts, InvalidArgumentError } from '@commander-js/extra-typings'
import { isRunPattern, runNameRule } from '../base/run-name.ts'
import { signToken } from '../server/auth/jwt.ts'
import { allScopes, parseScopes, type Scope } from '../server/auth/principal.ts'
import { readAuthSettings } from '../server/auth/settings.ts'
import { list, wholeUpTo } from './options.ts'
import { exitCodes } from './run-program.ts'
import { asArgument } from './trainer/rollout-options.ts'

/** The command that makes a token for a caller of the server. */
export function tokenCommand(env: NodeJS.ProcessEnv): CommandUnknownOpts {
  return new Command('token')
    .summary('make a token for a caller of the server')
    .description('Makes a token (a JWT signed with JWT_SECRET) for a caller of this server.')
    .option(
      '--scope <scopes>',
      `what the caller may do, separated by commas: ${allScopes.join(', ')}; may be repeated (default: tools,grade)`,
      scopesOf,
    )
    .option('--runs <runs>', 'the runs that it may use, names or patterns such as exp-* (default: all)', runsOf)
    .option('--days <n>', 'how many days it is valid: 1 to 3650', wholeUpTo(3_650), 30)
    .option('--subject <name>', 'the name of its owner, for the log', subjectOf, 'token')
    .option('--json', 'print token, subject, scopes and expiry as JSON')
    .allowExcessArguments()
    .addHelpText(
      'after',
      `
Examples:
  scorekeeper token --scope tools,grade --days 30 --subject my-trainer
  npm run --silent token -- --scope read
  npm run --silent token -- --runs final,exp-*

With --runs, the first plain name is the run of requests that name none.

JWT_SECRET, JWT_ISSUER and JWT_AUDIENCE come from the environment or from the .env file in this folder; without a JWT_SECRET
a random one is generated and written to .env. Only the token is written to stdout, everything else to stderr.
`,
    )
    .action(async ({ scope: scopes = ['tools', 'grade'], runs, days, subject, json = false }, command) => {
      const [extra] = command.args
      if (extra !== undefined) {
        return command.error(`error: "${extra}" is not an argument of token`, { exitCode: exitCodes.usage })
      }
      try {
        await makeToken({ scopes, runs, days, subject, json }, env)
      } catch (error) {
        process.stderr.write(`${messageOf(error)}\nSee scorekeeper token --help.\n`)
        process.exitCode = exitCodes.failed
      }
    })
}

interface TokenOptions {
  readonly scopes: readonly Scope[]
  readonly runs: readonly string[] | undefined
  readonly days: number
  readonly subject: string
  readonly json: boolean
}

/** Reads scopes, and adds them to those of earlier options. */
function scopesOf(text: string, before: readonly Scope[] = []): readonly Scope[] {
  return [...new Set([...before, ...asArgument(() => parseScopes(text))])]
}

/** Reads names and patterns of runs, separated by commas, and adds them to those of earlier options. */
function runsOf(text: string, before: readonly string[] = []): readonly string[] {
  const runs = list(text)
  if (runs.length > 0 && runs.every(isRunPattern)) return [...new Set([...before, ...runs])]
  throw new InvalidArgumentError(`It must be runs separated by commas: a run is ${runNameRule}, and may end in *.`)
}

function subjectOf(text: string): string {
  if (/^[^\p{Cc}]{1,200}$/u.test(text)) return text
  throw new InvalidArgumentError('It must be 1 to 200 characters, no line breaks.')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function readIfExists(path: string): Promise<string> {
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

async function makeToken(options: TokenOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const content = await readIfExists('.env')
  const set = Object.entries(env).filter(([, value]) => value !== '')
  const given: NodeJS.ProcessEnv = { ...parseEnv(content), ...Object.fromEntries(set) }
  const { JWT_SECRET = '' } = given
  const fresh = JWT_SECRET === '' ? randomBytes(48).toString('base64url') : undefined
  const { jwt } = readAuthSettings(fresh === undefined ? given : { ...given, JWT_SECRET: fresh })
  if (!jwt?.secret) throw new Error('JWT_SECRET: is missing')

  const issuedAt = new Date()
  const expiresAt = new Date(issuedAt.getTime() + options.days * 24 * 60 * 60 * 1000)
  const token = await signToken({ ...jwt, secret: jwt.secret }, { ...options, issuedAt, expiresAt })
  if (fresh !== undefined) {
    await keepSecret('.env', content, fresh)
    process.stderr.write(
      'JWT_SECRET was not set, so a new one was added to .env. Restart the server: from its next start it uses the secret\n' +
        'and requires a token or key of every caller. A server elsewhere needs the same JWT_SECRET.\n\n',
    )
  }
  if (options.json) {
    const { subject, scopes, runs } = options
    process.stdout.write(`${JSON.stringify({ token, subject, scopes, runs, expiresAt })}\n`)
    return
  }
  process.stdout.write(`${token}\n`)
  process.stderr.write(
    `subject  ${options.subject}\nscopes   ${options.scopes.join(', ')}\nruns     ${options.runs?.join(', ') ?? 'all'}\n` +
      `expires  ${expiresAt.toISOString()} (in ${options.days} days)\nheader   Authorization: Bearer <the token above>\n`,
  )
}
