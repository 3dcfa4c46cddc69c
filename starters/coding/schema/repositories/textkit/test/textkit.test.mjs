import assert from 'node:assert'
import { parseLine, render, slug, wrap } from '../src/index.mjs'

assert.equal(slug('Hello World'), 'hello-world')
assert.deepEqual(wrap('a short text', 8), ['a short', 'text'])
assert.deepEqual(parseLine('a,"b,c",d'), ['a', 'b,c', 'd'])
assert.equal(render('Dear {name}', { name: 'Ada' }), 'Dear Ada')
