import { InvalidArgumentError } from '@commander-js/extra-typings'
import { isRunName, runNameRule } from '../base/run-name.ts'

/** The header that names the run; a server that knows no runs ignores it. */
const runHeader = 'x-run'

/** Reads the name of a run. */
export function runName(text: string): string {
  if (isRunName(text)) return text
  throw new InvalidArgumentError(`It must be the name of a run: ${runNameRule}.`)
}

/** Where the run of a command may be named. */
export interface RunSources {
  /** The server's address, which may end in `/runs/NAME`; undefined if the command starts one. */
  readonly address?: string | undefined
  /** The value of `--run`. */
  readonly run?: string | undefined
  /** The headers to send, by their lowercase names. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** A run, and the headers to send: with the run, and those that were given without it. */
export interface ChosenRun {
  readonly run: string
  readonly runHeaders: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
}

/**
 * The run that a command writes to: the one that `--run`, the address or the header `x-run` names, else one of its own, named
 * after the command and the time.
 *
 * @throws Error if they name two, or one that is not valid.
 * @example chooseRun('simulate', {}) // { run: 'simulate-2026-11-30T05-10-22', … }
 */
export function chooseRun(command: string, { address, run, headers = {} }: RunSources, now = new Date()): ChosenRun {
  const { [runHeader]: inHeader, ...others } = headers
  const inAddress = address === undefined ? undefined : runOfAddress(address)
  const [named, ...more] = [run, inAddress, inHeader].filter((one) => one !== undefined)
  const other = more.find((one) => one !== named)
  if (other !== undefined) throw new Error(`two runs are named, "${named}" and "${other}"; name one`)
  if (named !== undefined && !isRunName(named)) throw new Error(`"${named}" is not the name of a run: ${runNameRule}`)
  const chosen = named ?? `${command}-${now.toISOString().slice(0, 19).replaceAll(':', '-')}`
  return { run: chosen, runHeaders: { [runHeader]: chosen }, headers: others }
}

/** The run at the end of an address, `https://tools.example.com/runs/NAME`; undefined for an address without one. */
export function runOfAddress(address: string): string | undefined {
  return /\/runs\/([^/?#]*)\/*$/.exec(address)?.[1]
}

/** The address of a server in a run. */
export function addressInRun(address: string, run: string): string {
  const base = address.replace(/\/+$/, '')
  return runOfAddress(base) === undefined ? `${base}/runs/${run}` : base
}
