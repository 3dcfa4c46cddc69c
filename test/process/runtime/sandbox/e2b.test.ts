import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, it } from 'vitest'
import { createE2bProvider } from '../../../../src/runtime/sandbox/e2b/e2b-provider.ts'
import { describeContract } from '../../../support/sandbox/contract.ts'
import { openE2bService } from '../../../support/sandbox/e2b/service.ts'
import { useFolder } from '../../../support/temporary.ts'

/** The machines of the service that stands in for E2B are namespaces of this one. */
const needed = ['/usr/bin/bwrap', '/usr/bin/nsenter', '/usr/bin/setpriv', '/usr/bin/flock']
const absent = needed.find((path) => !existsSync(path))
const isRoot = process.getuid?.() === 0

if (absent === undefined && isRoot) {
  const template = join(useFolder(), 'template')
  mkdirSync(template)
  writeFileSync(join(template, 'letter'), 'hello\n')
  const service = await openE2bService({ templates: { desk: template } })
  afterAll(() => service.close())

  describeContract('e2b', async () => ({ template: 'desk', provider: () => createE2bProvider(service.settings) }), {
    isolated: false,
    nothingRunsBetween: false,
  })
} else {
  describe('the e2b provider', () => {
    it.skip(`cannot be tested on this machine: ${isRoot ? `there is no ${absent}` : 'it needs root'}`, () => undefined)
  })
}
