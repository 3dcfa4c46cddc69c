import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { parseExactly } from '../../base/exact-json.ts'
import type { ToolDefinition } from '../../kit/define-tool.ts'
import { rowTool } from './row.ts'

const definitions = z.array(rowTool).min(1)
/** A list of definitions, alone or in `tools`, as a row of a dataset or a request of a model has it. */
const source = z.union([definitions, z.object({ tools: definitions }).transform(({ tools }) => tools)])

const timeoutMs = 10_000

/**
 * Reads definitions of tools from a server (`GET /tools` below the address) or from a file: a JSON list, or JSON Lines whose
 * first row has `tools`.
 *
 * @param headers are sent to the server; they are not sent to an address that it redirects to
 * @throws Error with the reason if there are no definitions.
 */
export async function toolsFrom(
  place: string,
  headers: Readonly<Record<string, string>>,
): Promise<readonly ToolDefinition[]> {
  const isAddress = /^https?:\/\//.test(place)
  const text = isAddress
    ? await fetchText(`${place.replace(/\/+$/, '').replace(/\/tools$/, '')}/tools`, headers)
    : await readText(place)
  const read = source.safeParse(parsed(text) ?? parsed(text.split('\n', 1)[0] ?? ''))
  if (!read.success) {
    const expected = 'a JSON list of { "type": "function", "function": { "name", "description", "parameters" } }'
    throw new Error(`${place} does not hold definitions of tools; expected ${expected}`)
  }
  return read.data.map(({ function: { name, description, parameters } }) => ({
    type: 'function',
    function: { name, description: description ?? '', parameters: parameters ?? {} },
  }))
}

async function fetchText(url: string, headers: Readonly<Record<string, string>>): Promise<string> {
  const signal = AbortSignal.timeout(timeoutMs)
  const response = await fetch(url, { headers, redirect: 'manual', signal }).catch((error: unknown) => {
    throw new Error(`${url} cannot be reached`, { cause: error })
  })
  if (response.ok) return await response.text()
  throw new Error(
    `${url} answers ${response.status}${response.status === 401 ? ': set SCOREKEEPER_KEY, or pass --header' : ''}`,
  )
}

const readText = (file: string) =>
  readFile(file, 'utf8').catch(() => {
    throw new Error(`the file ${file} cannot be read`)
  })

function parsed(text: string): unknown {
  try {
    return parseExactly(text)
  } catch {
    return undefined
  }
}
