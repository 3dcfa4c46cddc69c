import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { checkCommand } from './dataset-check.ts'
import type { DatasetDeps } from './dataset-files.ts'
import { prepareCommand } from './dataset-prepare.ts'
import { statsCommand } from './dataset-stats.ts'

/** The commands that check, prepare and measure a dataset. */
export function datasetCommand(deps: DatasetDeps): CommandUnknownOpts {
  return new Command('dataset')
    .summary('check, prepare and measure a dataset')
    .description('Checks, prepares and measures a dataset: JSON Lines, plain or gzip, of any size.')
    .addCommand(checkCommand(deps))
    .addCommand(prepareCommand(deps))
    .addCommand(statsCommand(deps))
}
