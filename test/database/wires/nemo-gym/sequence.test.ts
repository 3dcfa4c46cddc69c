import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { toolWith } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { rowOf } from '../../../support/nemo-gym/bodies.ts'
import { start } from '../../../support/nemo-gym/environment.ts'

const database = useDatabase()

describe('the sequence in the cookie', () => {
  it.each(['none', 'database', 'external'] as const)(
    'names a call with effects %s: a repeated request gets the stored answer, the next equal call is another one',
    async (effects) => {
      let ran = 0
      const run = () => `run ${++ran}`
      const count = toolWith(effects, { name: 'count', description: 'Counts.', input: z.object({}), run })
      const { app, client } = start(database, '/nemo-gym', 'latest', { tools: [count] })
      await client.post('/seed_session', rowOf(`named ${effects}?`, 'yes'))
      const cookie = client.cookie() ?? ''
      const headers = { 'content-type': 'application/json', cookie }
      const again = () => app.request('/nemo-gym/count', { method: 'POST', headers, body: '{}' })
      const first = await client.post('/count', {})
      expect([first.text, first.headers.get('x-replayed')]).toEqual(['run 1', null])
      const repeated = await again()
      expect([await repeated.text(), repeated.headers.get('x-replayed')]).toEqual(['run 1', 'true'])
      expect((await client.post('/count', {})).text).toBe('run 2')
      expect(ran).toBe(2)
    },
  )

  it('tells apart two different calls that are in flight with the same cookie', async () => {
    const { app, client } = start(database)
    await client.post('/seed_session', rowOf('parallel?', 'yes'))
    const headers = { 'content-type': 'application/json', cookie: client.cookie() ?? '' }
    const at = (q: string) => app.request('/nemo-gym/search', { method: 'POST', headers, body: JSON.stringify({ q }) })
    const answers = await Promise.all([at('a'), at('b'), at('c')])
    const texts = await Promise.all(answers.map((answer) => answer.text()))
    expect(texts.map((text) => text.slice(1)).sort()).toEqual([
      ' hit for a: parallel?',
      ' hit for b: parallel?',
      ' hit for c: parallel?',
    ])
    expect(new Set(texts.map(([place]) => place))).toEqual(new Set(['1', '2', '3']))
  })
})
