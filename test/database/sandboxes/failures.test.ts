import { expect, it } from 'vitest'
import { gate, post, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { createCloud } from '../../support/sandbox/cloud.ts'
import { grade, run, sandboxReplica } from '../../support/sandbox/shell.ts'

const database = useDatabase()

const numberOf = async (id: string): Promise<number> => {
  const [row] = await database.sql<{ number: number }[]>`select number::float8 as number from rollouts where id = ${id}`
  if (row === undefined) throw new Error(`no rollout ${id}`)
  return row.number
}

it('the exit code of a command is ordinary output', async () => {
  const replica = sandboxReplica(database, createCloud())
  expect((await run(replica, 'exit', 'a', 'exit 3')).body).toMatchObject({ output: 'exit 3' })
})

it('a command or a path that cannot exist is the model’s to read, and no provider is asked', async () => {
  const cloud = createCloud()
  const replica = sandboxReplica(database, cloud)
  const refusals = [
    [`echo ${'x'.repeat(131_072)}`, 'argument 1 of the command has 131072 bytes and may have 131071'],
    [`echo ${'ü'.repeat(65_536)}`, 'argument 1 of the command has 131072 bytes'],
    [Array.from({ length: 9 }, () => 'y'.repeat(112_000)).join(' '), 'is too long with what precedes it'],
  ] as const
  for (const [at, [command, message]] of refusals.entries()) {
    const { status, body } = await run(replica, 'impossible', `c${at}`, command)
    expect([status, body.output]).toEqual([200, expect.stringContaining(message)])
  }
  for (const path of ['', `a/${'x'.repeat(256)}`, 'x/'.repeat(2_100)]) {
    const call = toolCall('read_file', 'impossible', `path ${path.length}`, { path })
    const { status, body } = await post(replica.app, '/tools/read_file', call)
    expect([status, body.output]).toEqual([200, expect.stringContaining('the path of the file')])
  }
  expect(cloud.commands).toEqual([])
  const outcomes = await database.sql`
    select distinct c.outcome from tool_calls c join rollouts r on r.number = c.rollout where r.id = 'impossible'`
  expect(outcomes).toEqual([{ outcome: 'refused' }])
})

it('a sandbox that dies is not replaced: later calls fail, and every grading is ungradable', async () => {
  const cloud = createCloud()
  const replica = sandboxReplica(database, cloud)
  await run(replica, 'dead', 'a', 'write answer blue')
  cloud.kill(await numberOf('dead'))
  const lost = await run(replica, 'dead', 'b', 'read answer')
  expect([lost.status, lost.body.error?.code]).toEqual([500, 'sandbox_lost'])
  expect((await run(replica, 'dead', 'b', 'read answer')).status).toBe(500)
  expect((await run(replica, 'dead', 'c', 'read answer')).status).toBe(500)
  for (const grader of ['in_sandbox', 'plain']) {
    const graded = await grade(replica, 'dead', '', grader)
    expect([graded.status, graded.body.score]).toEqual([500, undefined])
  }
  expect(cloud.created).toHaveLength(1)
})

it('a sandbox that dies before its grading makes the rollout ungradable', async () => {
  const cloud = createCloud()
  const replica = sandboxReplica(database, cloud)
  await run(replica, 'dead-later', 'a', 'write answer blue')
  cloud.kill(await numberOf('dead-later'))
  const graded = await grade(replica, 'dead-later', 'blue')
  expect([graded.status, graded.body.error?.code]).toEqual([500, 'sandbox_lost'])
  const outcomes = await database.sql`
    select g.outcome, g.score from grades g join rollouts r on r.number = g.rollout where r.id = 'dead-later'`
  expect(outcomes).toEqual([{ outcome: 'ungradable', score: null }])
})

it('a failure that a tool catches fails the call all the same', async () => {
  const cloud = createCloud()
  const replica = sandboxReplica(database, cloud)
  await run(replica, 'caught', 'a', 'x')
  cloud.kill(await numberOf('caught'))
  const { status, body } = await post(
    replica.app,
    '/tools/careless',
    toolCall('careless', 'caught', 'b', { command: 'x' }),
  )
  expect([status, body.error?.code]).toEqual([500, 'sandbox_lost'])
})

it('the reaper finds a sandbox that the provider has removed', async () => {
  const cloud = createCloud()
  const replica = sandboxReplica(database, cloud)
  await run(replica, 'removed', 'a', 'x')
  cloud.kill(await numberOf('removed'))
  await database.sql`update sandboxes set opened_at = now() - interval '5 minutes' where rollout = ${await numberOf('removed')}`
  expect(await replica.sandboxes.reap()).toMatchObject({ lost: 1 })
  expect((await grade(replica, 'removed', '', 'plain')).status).toBe(500)
})

it('a retry after a lost answer gets the result of the command, which ran once', async () => {
  let fails = true
  const cloud = createCloud({
    async afterExec({ argv }) {
      if (!fails || argv[1] !== 'b') return
      fails = false
      throw new Error('the connection was lost')
    },
  })
  const replica = sandboxReplica(database, cloud)
  const command = 'write a 1; write b 2; read b'
  expect((await run(replica, 'twice', 'a', command)).status).toBe(500)
  expect((await run(replica, 'twice', 'a', command)).body.output).toBe('write a 1\nwrite b 2\n2')
  expect(cloud.commands.map(({ argv }) => argv.join(' '))).toEqual(['write a 1', 'write b 2', 'read b'])
})

it('a command whose end was lost fails its call each time, and does not run again', async () => {
  const cloud = createCloud()
  const replica = sandboxReplica(database, cloud)
  for (const _ of [1, 2]) {
    const { status, body } = await run(replica, 'lost-end', 'a', 'lose')
    expect([status, body.error?.code]).toEqual([500, 'sandbox_command_lost'])
  }
  expect(cloud.commands).toHaveLength(1)
  expect((await grade(replica, 'lost-end', '', 'plain')).status).toBe(500)
})

it('another server that takes a call over reads the result of the command that the first one ran', async () => {
  const frozen = gate()
  let isFirst = true
  const cloud = createCloud({
    async afterExec() {
      if (!isFirst) return
      isFirst = false
      await frozen.pass()
    },
  })
  const first = run(sandboxReplica(database.another(), cloud), 'taken', 'a', 'write a 1')
  await frozen.reached
  await database.sql`update tool_calls set lease_until = now() - interval '1 second' where outcome = 'running'`
  expect((await run(sandboxReplica(database, cloud), 'taken', 'a', 'write a 1')).status).toBe(200)
  frozen.open()
  await first
  expect(cloud.commands).toHaveLength(1)
})

it('a missing file is for the model to read', async () => {
  const replica = sandboxReplica(database, createCloud())
  const { status, body } = await post(
    replica.app,
    '/tools/read_file',
    toolCall('read_file', 'missing', 'a', { path: 'none' }),
  )
  expect([status, body.output]).toEqual([200, expect.stringContaining('cannot read "none": no such file')])
})

it('each use postpones the time at which the provider would remove the sandbox', async () => {
  const cloud = createCloud()
  const replica = sandboxReplica(database, cloud)
  await run(replica, 'prolonged', 'a', 'x')
  expect(cloud.extended).toHaveLength(0)
  const number = await numberOf('prolonged')
  await database.sql`update sandboxes set expires_at = now() + interval '1 hour' where rollout = ${number}`
  await run(replica, 'prolonged', 'b', 'x')
  expect(cloud.extended).toEqual([{ handle: 'box-1', seconds: 7_200 }])
  await run(replica, 'prolonged', 'c', 'x')
  expect(cloud.extended).toHaveLength(1)
})

it('a sandbox does not end while its rollout is graded', async () => {
  const grading = gate()
  const cloud = createCloud({
    async afterExec({ argv }) {
      if (argv[0] === 'read') await grading.pass()
    },
  })
  const replica = sandboxReplica(database, cloud)
  await run(replica, 'graded', 'a', 'write answer blue')
  await database.sql`update rollouts set due_at = now() where id = 'graded'`
  const graded = grade(replica, 'graded', 'blue')
  await grading.reached
  const [row] =
    await database.sql`select due_at > now() + interval '1 minute' as later from rollouts where id = 'graded'`
  expect(row).toEqual({ later: true })
  grading.open()
  expect((await graded).body.score).toBe(1)
})

it('whatever keeps a sandbox from being used fails the call, also if its tool catches that', async () => {
  const cloud = createCloud({
    afterExec: async () => {
      throw new Error('the connection to the database is lost')
    },
  })
  const replica = sandboxReplica(database, cloud)
  const call = toolCall('careless', 'caught-error', 'a', { command: 'x' })
  expect((await post(replica.app, '/tools/careless', call)).status).toBe(500)
  expect((await grade(replica, 'caught-error', '', 'plain')).status).toBe(500)
})

it('a call whose sandbox cannot be asked for is recorded as failed, and its rollout gets no score', async () => {
  const ended = database.another()
  await ended.close()
  const cloud = createCloud()
  const without = sandboxReplica(database, cloud, { sql: ended.sql })
  const replica = sandboxReplica(database, cloud)
  expect((await run(without, 'unasked', 'a', 'x')).status).toBeGreaterThanOrEqual(500)
  const calls = await database.sql`
    select c.outcome from tool_calls c join rollouts r on r.number = c.rollout where r.id = 'unasked'`
  expect([...calls]).toEqual([{ outcome: 'failed' }])
  expect((await grade(replica, 'unasked', '', 'plain')).status).toBe(500)
  expect((await run(replica, 'unasked', 'a', 'x')).status).toBe(200)
  expect((await grade(replica, 'unasked', '', 'plain')).status).toBe(200)
})
