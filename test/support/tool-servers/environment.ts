import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { defineEnvironment } from '../../../src/kit/define.ts'

/** An environment whose tools are those of the letter server, at an address or started by a command. */
export const environment = defineEnvironment({
  task: z.object({}),
  reference: z.object({}),
  state: z.object({}),
  settings: z.object({ LETTERS_URL: z.string().default('') }),
})

const command = {
  command: process.execPath,
  args: ['--import', import.meta.resolve('tsx'), fileURLToPath(new URL('./stdio-server.ts', import.meta.url))],
}

export const tools = [environment.toolsFrom({ mcp: ({ LETTERS_URL }) => (LETTERS_URL === '' ? command : LETTERS_URL) })]

export const graders = [environment.defineGrader({ name: 'any', version: '1', grade: () => 1 })]
