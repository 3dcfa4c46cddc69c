import { describe, expect, it } from 'vitest'
import { addressInRun, chooseRun } from '../../../src/cli/run-option.ts'

const now = new Date('2026-11-30T05:10:22.123Z')

describe('the run of a command', () => {
  it('is one of its own, named after the command and the time', () => {
    expect(chooseRun('simulate', { address: 'http://localhost:8000' }, now)).toEqual({
      run: 'simulate-2026-11-30T05-10-22',
      runHeaders: { 'x-run': 'simulate-2026-11-30T05-10-22' },
      headers: {},
    })
  })

  it.each([
    { run: 'exp-7' },
    { address: 'https://tools.example.com/prefix/runs/exp-7/' },
    { headers: { 'x-run': 'exp-7' } },
    { run: 'exp-7', address: 'https://tools.example.com/runs/exp-7', headers: { 'x-run': 'exp-7' } },
  ])('is the one that is named: %j', (sources) => {
    expect(chooseRun('learn', sources, now).run).toBe('exp-7')
  })

  it('leaves the other headers, which a check of the key replaces', () => {
    const { headers } = chooseRun('preflight', { headers: { 'x-run': 'a', 'x-key': 'k' } }, now)
    expect(headers).toEqual({ 'x-key': 'k' })
  })

  it.each([
    [{ run: 'a', headers: { 'x-run': 'b' } }, /two runs are named, "a" and "b"/],
    [{ run: 'a', address: 'http://h/runs/b' }, /two runs are named/],
    [{ address: 'http://h/runs/a%20b' }, /"a%20b" is not the name of a run/],
    [{ headers: { 'x-run': '' } }, /is not the name of a run/],
  ])('is refused where two are named, or one that is not valid: %j', (sources, message) => {
    expect(() => chooseRun('job', sources, now)).toThrow(message)
  })
})

describe('the address of a server in a run', () => {
  it.each([
    ['https://tools.example.com', 'https://tools.example.com/runs/exp-7'],
    ['https://tools.example.com/rft/', 'https://tools.example.com/rft/runs/exp-7'],
    ['https://tools.example.com/runs/exp-7', 'https://tools.example.com/runs/exp-7'],
  ])('of %s is %s', (address, inRun) => expect(addressInRun(address, 'exp-7')).toBe(inRun))
})
