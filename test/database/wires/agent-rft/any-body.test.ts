import { describe, it } from 'vitest'
import { z } from 'zod'
import { graders } from '../../../environment/graders/index.ts'
import { tools } from '../../../environment/tools/index.ts'
import { expectAnyBodyAnswered } from '../../../support/agent-rft/any-body.ts'
import { defineGrader, defineTool, testApp } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { runs } from '../../../support/runs.ts'

const database = useDatabase()

const echo = defineTool({
  name: 'echo',
  description: 'Says its arguments.',
  input: z.looseObject({}),
  effects: 'database',
  run: ({ input, state }) => `${state.notes.push(JSON.stringify(input))} ${JSON.stringify(input)}`,
})
const says = defineGrader({ name: 'says', version: '1', grade: ({ sample }) => Number(sample.output_text !== '') })

describe('any request body', () => {
  it('never causes a server error, and gets the same answer when it is sent again', async () => {
    await expectAnyBodyAnswered(
      testApp(database, { tools: [echo, ...tools], graders: [says, ...graders], budget: undefined }),
      runs(400),
    )
  })
})
