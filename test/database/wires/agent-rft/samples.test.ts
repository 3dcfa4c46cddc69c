import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEnvironment } from '../../../../src/kit/define.ts'
import { gradingSample, toolCallSample, toolDefinitionSample } from '../../../support/agent-rft/samples.ts'
import { post, testApp } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'

const database = useDatabase()

/** An environment for the rows of the shapes, separate from the shipped one. */
const { defineTool, defineGrader } = defineEnvironment({
  task: z.object({ messages: z.array(z.looseObject({ role: z.string() })) }),
  reference: z.object({ reference_answer: z.string() }),
  state: z.object({}),
})
const lookup = defineTool({
  name: 'lookup',
  description: 'Find the page that answers a question.',
  input: z.object({ query: z.string() }),
  effects: 'none',
  run: ({ input }) => ({ page: input.query.includes('Quill Harbor') ? 'QHBR/2012/page_4' : 'nowhere' }),
})
const same = defineGrader({
  name: 'same',
  version: '1',
  grade: ({ sample, reference, trajectory }) =>
    sample.output_text === reference.reference_answer && trajectory.length === 1 ? 1 : 0,
})

describe('the shapes of the wire', () => {
  it('are answered as written, the call and then its grading', async () => {
    const app = testApp(database, { tools: [lookup], graders: [same] })
    const call = await post(app, '/tools/lookup', toolCallSample.request)
    expect([call.status, call.body]).toEqual([200, toolCallSample.response])
    const grading = await post(app, '/graders/same', gradingSample)
    expect([grading.status, grading.text]).toEqual([200, '{"score":1}'])
  })

  it('of a definition equals that of GET /tools', async () => {
    const response = await testApp(database, { tools: [lookup] }).request('/tools')
    expect([response.status, await response.json()]).toEqual([200, [toolDefinitionSample]])
  })
})
