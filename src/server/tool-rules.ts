import type { Limits } from '../base/limits.ts'
import type { Tool } from '../kit/define-tool.ts'
import type { Wire } from '../wires/wire.ts'

/**
 * Refuses a tool with a name that a wire needs for an address of its own.
 *
 * @throws Error that names both.
 */
export function refuseReservedNames({ name, reservedToolNames = [] }: Wire, tools: readonly Tool[]): void {
  const reserved = tools.find((tool) => reservedToolNames.includes(tool.name))
  if (reserved === undefined) return
  throw new Error(
    `the wire ${name} needs the address "${reserved.name}" for itself: rename the tool, or leave the wire out of WIRES`,
  )
}

/**
 * Adds tools or graders under their names.
 *
 * @param kind what they are called in a message
 * @throws Error if two have the same name.
 */
export function addByName<Named extends { readonly name: string }>(
  kind: string,
  to: Map<string, Named>,
  list: readonly Named[],
): void {
  for (const one of list) {
    if (to.has(one.name)) throw new Error(`two ${kind}s are named "${one.name}"; names must be unique`)
    to.set(one.name, one)
  }
}

/** When rollouts end. While a tool runs, its rollout must not. */
export function rolloutTimes({ idleSeconds, keepSeconds, toolSeconds }: Limits, tools: readonly Tool[]) {
  const longest = Math.max(toolSeconds, ...tools.map(({ timeoutSeconds = 0 }) => timeoutSeconds))
  return { idleSeconds: Math.max(idleSeconds, longest + 60), keepSeconds }
}
