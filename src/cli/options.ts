import { existsSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type CommandUnknownOpts, InvalidArgumentError } from '@commander-js/extra-typings'
import type { Config } from '../server/config/config.ts'
import { urlOf } from '../server/start-notices.ts'

/** The options of the command that a function declares, as its action gets them. */
export type OptionsOf<Declare extends (...args: never) => CommandUnknownOpts> = ReturnType<ReturnType<Declare>['opts']>

/** Reads a whole number, 1 or more. */
export const whole = (text: string): number => {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 1 or more.')
  return Number(text)
}

/** Makes a reader of a whole number from 1 to `most`. */
export function wholeUpTo(most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d{1,9}$/.test(text) && value >= 1 && value <= most) return value
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${most}.`)
  }
}

/** Reads a whole number, 0 or more. */
export const wholeOrZero = (text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 0 or more.')
  return Number(text)
}

/** Reads a number, 0 or more. */
export const amount = (text: string): number => {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value < Number.POSITIVE_INFINITY))
    throw new InvalidArgumentError('It must be a number, 0 or more.')
  return value
}

/** Reads a number. */
export const number = (text: string): number => {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number.')
  return value
}

/** Reads a number, more than 0. */
export const positive = (text: string): number => {
  const value = Number(text)
  if (!(value > 0 && value < Number.POSITIVE_INFINITY))
    throw new InvalidArgumentError('It must be a number, more than 0.')
  return value
}

/** Reads a share, a number from 0 to 1. */
export const share = (text: string): number => {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value <= 1)) {
    throw new InvalidArgumentError('It must be a number from 0 to 1.')
  }
  return value
}

/** Reads a text that is not empty. */
export const nonEmpty = (text: string): string => {
  if (text === '') throw new InvalidArgumentError('It must not be empty.')
  return text
}

/** Reads a list that is separated by commas. */
export const list = (text: string): readonly string[] => text.split(',').filter((one) => one !== '')

/** Makes a reader of a list, separated by commas, of some of these words. */
export function someOf<const Word extends string>(words: readonly Word[]): (text: string) => readonly Word[] {
  return (text) =>
    list(text).map((one) => {
      const found = words.find((word) => word === one)
      if (found !== undefined) return found
      throw new InvalidArgumentError(`It must be some of ${words.join(', ')}, separated by commas.`)
    })
}

/** Reads a header, `name: value`, and adds it to those of earlier options. */
export const header = (text: string, before: Readonly<Record<string, string>> = {}) => {
  const at = text.indexOf(':')
  if (at < 1) throw new InvalidArgumentError('It must look like "name: value".')
  return { ...before, [text.slice(0, at).trim().toLowerCase()]: text.slice(at + 1).trim() }
}

/** The headers that a trainer would send: the key of SCOREKEEPER_KEY, and those given. */
export function trainerHeaders(
  env: NodeJS.ProcessEnv,
  given: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const key = env['SCOREKEEPER_KEY']
  return { ...(key && { authorization: `Bearer ${key}` }), ...given }
}

/** Reads an HTTP address. */
export const address = (text: string): string => {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) {
    throw new InvalidArgumentError('It must be an address that begins with http:// or https://.')
  }
  if (/[?#]/.test(text)) throw new InvalidArgumentError('It must end before ? and #; a key is for --header.')
  return text.replace(/\/+$/, '')
}

/** Reads the arguments of a tool, `tool={"json": 1}`, and adds them to those of earlier options. */
export const toolArguments = (text: string, before: Readonly<Record<string, unknown>> = {}) => {
  const at = text.indexOf('=')
  try {
    if (at < 1) throw new Error('no =')
    return { ...before, [text.slice(0, at).trim()]: JSON.parse(text.slice(at + 1)) }
  } catch {
    throw new InvalidArgumentError('It must look like search={"query":"revenue"}.')
  }
}

/** Where this program's files are: the server's entry, and the folders with the agents, learner and setup of a demo. */
export function programFiles(): { readonly server: URL; readonly players: readonly URL[] } {
  return {
    server: new URL(`../server${extname(import.meta.url)}`, import.meta.url),
    players: [new URL('../../demo/', import.meta.url), new URL('../../example/', import.meta.url)],
  }
}

/**
 * The path of the module `agents`, `learner` or `setup` in the first of these folders that has it, compiled if this program
 * is compiled; undefined if none has it.
 */
export function findPlayers(folders: readonly URL[], name: 'agents' | 'learner' | 'setup'): string | undefined {
  return findFile(folders, `${name}${extname(import.meta.url)}`)
}

/** The path of the file of this name in the first of these folders that has it; undefined if none has it. */
export function findFile(folders: readonly URL[], name: string): string | undefined {
  return folders.map((folder) => fileURLToPath(new URL(name, folder))).find((path) => existsSync(path))
}

/** The text of the option that names the server to which a page links. */
export const dashboardOption = [
  '--dashboard <url>',
  'the server whose dashboard the page links to (default: PUBLIC_URL, or HOST and PORT)',
] as const

/** Reads the address of a server. */
export function serverAddress(text: string): string {
  if (URL.canParse(text) && /^https?:/.test(text)) return text
  throw new InvalidArgumentError('It must begin with http:// or https://.')
}

/** The server to which pages link, by the settings of this folder; undefined if its address is not known, or it has no pages. */
export function dashboardOf({ publicUrl, host, port, dashboard }: Config): string | undefined {
  if (!dashboard) return undefined
  if (publicUrl !== undefined) return publicUrl
  const everywhere = host === '0.0.0.0' || host === '::'
  return port === 0 ? undefined : urlOf({ host: everywhere ? 'localhost' : host, port })
}
