import assert from 'node:assert'
import { Account } from '../src/account.mjs'
import { format, parse } from '../src/money.mjs'

assert.equal(parse('12.50'), 1250)
assert.equal(format(1250), '$12.50')
assert.equal(new Account().add('deposit', 500).add('payment', 200).balance(), 300)
