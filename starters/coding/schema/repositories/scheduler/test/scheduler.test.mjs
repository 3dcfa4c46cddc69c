import assert from 'node:assert'
import { matches } from '../src/cron.mjs'
import { format, parse } from '../src/duration.mjs'
import { order } from '../src/graph.mjs'
import { Queue } from '../src/queue.mjs'

assert.equal(parse('45m'), 2700)
assert.equal(format(5400), '1h 30m')
assert.equal(new Queue().push('a').push('b', 2).take(), 'b')
assert.deepEqual(order({ build: ['install'] }), ['install', 'build'])
assert.equal(matches('1,15', 15), true)
