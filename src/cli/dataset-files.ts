import { statSync } from 'node:fs'
import type { Command } from 'commander'
import type { ReadItem } from '../kit/define.ts'
import type { ToolDefinition } from '../kit/tool-definitions.ts'
import { progressView } from './progress.ts'
import { exitCodes } from './run-program.ts'

/** What the commands of `dataset` need to know of the user's environment. */
export interface DatasetDeps {
  readonly readItem: (item: unknown) => ReadItem<unknown, unknown>
  /** The definitions of the tools that the server offers. */
  readonly tools: readonly ToolDefinition[]
}

/** Shows how far the reading of so many bytes is. */
export async function watched<T>(what: string, size: number, work: (onBytes: (bytes: number) => void) => Promise<T>) {
  const view = progressView(process.stderr, { isPercent: true })
  const bar = view.bar(what, size)
  try {
    return await work((bytes) => bar.add(bytes))
  } finally {
    view.end()
  }
}

/** The size of files together, in bytes; ends the program with what is wrong about one that is none. */
export function sizeOf(files: readonly string[], command: Command): number {
  return files.reduce((sum, file) => {
    const found = statSync(file, { throwIfNoEntry: false })
    if (found?.isFile()) return sum + found.size
    return command.error(`error: there is no file ${file}`, { exitCode: exitCodes.usage })
  }, 0)
}
