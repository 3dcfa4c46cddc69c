import { expect, it } from 'vitest'
import { gradingOf, post, testApp, toolCall } from '../../../test/support/app.ts'
import { useDatabase } from '../../../test/support/database.ts'
import { graders } from '../graders/index.ts'
import { tools } from './index.ts'

const database = useDatabase()

const item = { messages: [{ role: 'user', content: 'What does the lamp cost?' }], price: '34.50' }

it('look_up finds a price, and the grader sees that it was used', async () => {
  const app = testApp(database, { tools, graders })
  const call = (article: string) =>
    post(app, '/tools', toolCall('look_up', 'one', `call ${article}`, { article }, item))
  expect((await call('Lamp')).body.output).toContain('34.50')
  expect((await call('unicorn')).body.output).toContain('there is no article "unicorn"')
  expect((await post(app, '/grade', gradingOf('one', '34.50', item))).body.score).toBe(1)
  expect((await post(app, '/grade', gradingOf('two', '34.50', item))).body.score).toBe(0.95)
})
