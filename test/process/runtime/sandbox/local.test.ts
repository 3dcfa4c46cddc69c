import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { createLocalProvider } from '../../../../src/runtime/sandbox/local/local-provider.ts'
import { describeContract } from '../../../support/sandbox/contract.ts'
import { useFolder } from '../../../support/temporary.ts'

const folder = useFolder()
const template = join(folder, 'template')
mkdirSync(template)
writeFileSync(join(template, 'letter'), 'hello\n')
const provider = () => createLocalProvider({ folder: join(folder, 'sandboxes') })

const trial = provider()
const problem = await trial.problem()
await trial.end()

if (problem === undefined) {
  describeContract('local', async () => ({ template, provider }), { isolated: true, nothingRunsBetween: true })
} else {
  describe('the local provider', () => {
    it.skip(`cannot be tested on this machine: ${problem}`, () => undefined)
  })
}
