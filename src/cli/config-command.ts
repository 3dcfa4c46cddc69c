import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings'
import type { SettingsReader } from '../kit/settings.ts'
import { type GivenVariables, loadSettings } from '../server/config/config.ts'
import { type ListedVariable, listSettings, listVariables } from '../server/config/list-variables.ts'
import { exitCodes } from './run-program.ts'

/** What {@link configCommand} needs. */
export interface ConfigDeps extends GivenVariables {
  readonly settings: Pick<SettingsReader<unknown>, 'variables' | 'read'>
}

/** The command that lists the variables that are in force and where each comes from. */
export function configCommand(deps: ConfigDeps): CommandUnknownOpts {
  return new Command('config')
    .summary('list the settings that are in force, and where each comes from')
    .description(
      'Lists every variable that the server and the environment read, and whether it comes from the environment, from the ' +
        '.env file or is the default. Secrets, and the settings of the environment, are listed without their values.',
    )
    .option('--json', 'print a list of objects')
    .addHelpText(
      'after',
      `
Examples:
  scorekeeper config
  npm run --silent scorekeeper -- config --json

It ends with 1 when the server could not start with these settings; what is wrong goes to standard error.
`,
    )
    .action(({ json }) => {
      const server = listVariables(deps)
      const settings = listSettings(deps, deps.settings.variables)
      process.stdout.write(json ? `${JSON.stringify({ server, settings }, null, 2)}\n` : tableOf(server, settings))
      try {
        loadSettings(deps.env, deps.settings)
      } catch (error) {
        process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
        process.exitCode = exitCodes.failed
      }
    })
}

function tableOf(server: readonly ListedVariable[], settings: readonly ListedVariable[]): string {
  const all = [...server, ...settings]
  const width = Math.max(...all.map(({ name }) => name.length))
  const line = (variable: ListedVariable) => {
    const { name, source } = variable
    return `  ${name.padEnd(width)}  ${source.padEnd('environment'.length)}  ${shown(variable)}`.trimEnd()
  }
  const own = settings.length === 0 ? ['  none'] : settings.map(line)
  return `Server\n${server.map(line).join('\n')}\n\nSettings of the environment (schema/environment.ts)\n${own.join('\n')}\n`
}

function shown({ value, source, isSecret, description }: ListedVariable): string {
  const isHidden = isSecret && (source === 'environment' || source === '.env')
  return [isHidden ? '(hidden)' : (value ?? ''), description ?? ''].filter((part) => part !== '').join('  ')
}
