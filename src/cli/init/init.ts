import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { counted } from '../../base/text.ts'
import { saysYes } from '../ask.ts'
import { exitCodes } from '../run-program.ts'
import { changedFiles, repositoryOf, trackedFiles } from './init-git.ts'
import { putStarter } from './init-starter.ts'

/** The folders that a starter replaces, and those that only the example needs. */
const replacedFolders = ['tools', 'graders', 'schema', 'demo'] as const
const deletedFolders = ['example', 'starters'] as const

/** A reason why `init` cannot be done here; what to do is in its message. */
class InitError extends Error {
  override readonly name = 'InitError'
}

/** The command that turns a clone of the template into the user's own repository. */
export function initCommand(): CommandUnknownOpts {
  return new Command('init')
    .summary('replace the example by a starter: make this clone your own')
    .description(
      'Deletes the example from a fresh clone and puts a starter in its place: tools, graders, schema, agents, a dataset, ' +
        'tests and a README. It says what it deletes and asks first. It touches no database.',
    )
    .option('--from <starter>', 'a folder of starters/', 'blank')
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      `
Examples:
  npm run scorekeeper -- init
  npm run scorekeeper -- init --from retail --yes

The work tree must have no changes, so that \`git checkout .\` and \`git clean\` can undo it. See docs/start-your-own.md.`,
    )
    .action(async (options) => {
      try {
        process.exitCode = await init(process.cwd(), options)
      } catch (error) {
        if (!(error instanceof InitError)) throw error
        process.stderr.write(`init: ${error.message}\n`)
        process.exitCode = exitCodes.failed
      }
    })
}

async function init(cwd: string, { from, yes }: { readonly from: string; readonly yes?: true }): Promise<number> {
  const root = await repositoryOf(cwd)
  if (root === undefined) {
    throw new InitError('this is not a git repository, so nothing could be restored: clone the template with git')
  }
  checkStarter(root, from)
  const changed = await changedFiles(root)
  if (changed.length > 0) {
    const shown = changed.slice(0, 5).map((file) => `  ${file}\n`)
    const more = changed.length > 5 ? `  and ${changed.length - 5} more\n` : ''
    throw new InitError(`the work tree has changes; commit or stash them first:\n${shown.join('')}${more}`.trimEnd())
  }
  say(`This makes ${root} a repository of your own, from starters/${from}. It deletes:`)
  for (const folder of [...deletedFolders, ...replacedFolders]) {
    const files = await trackedFiles(root, folder)
    if (files.length > 0) say(`  ${`${folder}/`.padEnd(12)}${counted(files.length, 'file')}`)
  }
  say('  README.md, which the starter’s replaces, and the npm scripts that run example/ or starters/')
  say('src/, test/, docs/, bench/ and chaos/ do not change, and no database is touched.')
  if (!yes && !(await saysYes('Continue? [y/N] ', terminal, new AbortController().signal))) {
    say('Nothing was changed.')
    return exitCodes.failed
  }
  const done = putStarter(root, { starter: from, deletedFolders, replacedFolders })
  for (const line of done.notes) say(line)
  say(`
${done.files} files of starters/${from} are in place. Next:

  npm run demo        plays rollouts with the starter's agents
  npm test            runs the compiler, the linter and all tests
  git add -A && git commit -m "Start from ${from}"

README.md shows the rest.`)
  return 0
}

function checkStarter(root: string, name: string): void {
  const folder = join(root, 'starters')
  if (!existsSync(folder)) {
    throw new InitError(
      'there is no starters/ folder: init is for a fresh clone of the template, and has already run here',
    )
  }
  const starters = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const names = starters.map((entry) => entry.name).sort()
  if (!names.includes(name)) throw new InitError(`there is no starter "${name}"; the starters are: ${names.join(', ')}`)
}

const terminal = { input: process.stdin, output: process.stdout }
const say = (line: string) => void process.stdout.write(`${line}\n`)
