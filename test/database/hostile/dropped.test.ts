import { once } from 'node:events'
import { serve } from '@hono/node-server'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { gate, testApp, toolCall, toolWith } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { converse, statuses, whole } from '../../support/hostile/socket.ts'

const database = useDatabase()

/** A tool with these effects that waits at a gate, and counts how often it ran. */
function held(effects: 'none' | 'database' | 'external') {
  const door = gate()
  let runs = 0
  const head = { name: 'held', description: 'Waits.', input: z.looseObject({}) }
  const run = async () => {
    runs += 1
    await door.pass()
    return `run ${runs}`
  }
  const tool = toolWith(effects, { ...head, run })
  return { tool, door, runs: () => runs }
}

async function listening(tool: ReturnType<typeof held>['tool']) {
  const server = serve({ fetch: testApp(database, { tools: [tool] }).fetch, hostname: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const { port } = z.object({ port: z.number() }).parse(server.address())
  return { port, close: () => server.close() }
}

describe('a dropped connection', () => {
  it.each(['none', 'database', 'external'] as const)(
    'before the answer of a tool with effects %s does not cause a second effect: the retry gets the stored answer',
    async (effects) => {
      const { tool, door, runs } = held(effects)
      const [one, other] = [await listening(tool), await listening(tool)]
      const spelt = whole('/tools', JSON.stringify(toolCall('held', `dropped-${effects}`, 'a')))
      const first = converse(one.port, [spelt, 'END'])
      await door.reached
      // The other waiting request is dropped too.
      await converse(one.port, [spelt, 20, 'RESET'])
      door.open()
      await first
      await expect
        .poll(
          () => database.sql`select from ledger.calls where rollout_id = ${`dropped-${effects}`} and outcome = 'ok'`,
        )
        .toHaveLength(1)
      for (const { port } of [one, other]) {
        const heard = await converse(port, [spelt], { answers: 1 })
        expect([statuses(heard), heard.includes('"output":"run 1"')]).toEqual([[200], true])
      }
      // The other replica runs a tool without effects before it finds that the call is recorded.
      expect(runs()).toBe(effects === 'none' ? 2 : 1)
      one.close()
      other.close()
    },
  )

  it('in the middle of the body runs and records nothing, and the retry is the first attempt', async () => {
    const { tool, door, runs } = held('database')
    door.open()
    const { port, close } = await listening(tool)
    const spelt = whole('/tools', JSON.stringify(toolCall('held', 'cut', 'a')))
    for (let at = 0; at < spelt.length; at += 7) {
      await converse(port, [spelt.slice(0, at), at % 2 === 0 ? 'RESET' : 'END'])
    }
    expect([runs(), (await database.sql`select from rollouts where id = 'cut'`).length]).toEqual([0, 0])
    const heard = await converse(port, [spelt], { answers: 1 })
    expect([statuses(heard), runs()]).toEqual([[200], 1])
    close()
  })
})
