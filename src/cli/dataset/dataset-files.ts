import { statSync } from 'node:fs'
import type { Command, CommandUnknownOpts, OptionValues } from '@commander-js/extra-typings'
import type { ReadItem } from '../../kit/define.ts'
import type { ToolDefinition } from '../../kit/define-tool.ts'
import { toolsFrom } from '../../workbench/dataset/tools-from.ts'
import { header, trainerHeaders } from '../options.ts'
import { progressView } from '../progress.ts'
import { exitCodes } from '../run-program.ts'

/** The parts of the user's environment that the `dataset` commands need. */
export interface DatasetDeps {
  readonly env: NodeJS.ProcessEnv
  readonly readItem: (item: unknown) => ReadItem<unknown, unknown>
  /** Reads the definitions of the tools in `tools/`. */
  readonly tools: () => Promise<readonly ToolDefinition[]>
}

/** Adds the options for the server's tools. */
export function toolsOptions<Args extends unknown[], Options extends OptionValues>(command: Command<Args, Options>) {
  return command
    .option('--tools-from <place>', 'the address of a server, or a JSON file: its tools instead of those in tools/')
    .option('--header <header>', '"name: value", sent with --tools-from; may be repeated', header)
}

/** The tools that the server offers: those of `--tools-from`, or those in `tools/`. */
export async function toolsOf(
  { env, tools }: DatasetDeps,
  options: { readonly toolsFrom?: string; readonly header?: Readonly<Record<string, string>> },
): Promise<readonly ToolDefinition[]> {
  if (options.toolsFrom === undefined) return await tools()
  return await toolsFrom(options.toolsFrom, trainerHeaders(env, options.header))
}

/** Shows the progress of work that reads `size` bytes. */
export async function watched<T>(what: string, size: number, work: (onBytes: (bytes: number) => void) => Promise<T>) {
  const view = progressView(process.stderr, { isPercent: true })
  const bar = view.bar(what, size)
  try {
    return await work((bytes) => bar.add(bytes))
  } finally {
    view.end()
  }
}

/** The total size of files in bytes; ends the program with an error if one of them is not a file. */
export function sizeOf(files: readonly string[], command: CommandUnknownOpts): number {
  return files.reduce((sum, file) => {
    const found = statSync(file, { throwIfNoEntry: false })
    if (found?.isFile()) return sum + found.size
    return command.error(`error: there is no file ${file}`, { exitCode: exitCodes.usage })
  }, 0)
}
