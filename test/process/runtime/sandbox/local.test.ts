import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { createLocalProvider } from '../../../../src/runtime/sandbox/local/local-provider.ts'
import { descendants } from '../../../support/python/processes.ts'
import { describeContract } from '../../../support/sandbox/contract.ts'
import { heldOnDisk, heldScript } from '../../../support/sandbox/held.ts'
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
  const held = (handle: string) => heldOnDisk(join(folder, 'sandboxes'), handle)
  describeContract('local', async () => ({ template, provider, held }), {
    isolated: true,
    nothingRunsBetween: true,
    createsOnce: true,
  })

  const never = new AbortController().signal

  describe('the local provider', () => {
    const one = provider()
    const labels = { installation: `limits-${process.pid}`, rollout: '1', name: 'shell', generation: '1' }
    const spec = { template, network: false, memoryMb: 256, pids: 64, diskMb: 2, ttlSeconds: 600 }
    let commands = 0
    const shell = (handle: string, script: string) => {
      commands += 1
      const argv = ['sh', '-c', script]
      return one.exec(handle, { key: `limits-${commands}`, argv, timeoutSeconds: 30, maxOutputBytes: 1000 }, never)
    }
    afterAll(() => one.end())

    it('removes a sandbox whose time to live has passed, whichever server made it', async () => {
      const { handle } = await one.create({ ...spec, ttlSeconds: 1 }, labels, never)
      expect(await one.alive(handle, never)).toBe(true)
      await sleep(1100)
      const next = provider()
      expect(await next.find(labels, never)).toEqual([])
      await next.end()
    })

    const fillings = {
      'one large file': 'head -c 3000000 /dev/zero > large',
      'many small files': 'for i in $(seq 600); do head -c 5000 /dev/zero > small-$i; done',
      'the folder for temporary files': 'head -c 1900000 /dev/zero > a; head -c 1900000 /dev/zero > /tmp/b',
      'a folder that is closed to its owner':
        'mkdir -p shut/er; cd shut/er; head -c 1900000 /dev/zero > a; cp a b; chmod 000 ../../shut',
    }
    for (const [what, script] of Object.entries(fillings)) {
      it(`lets a sandbox that is over its disk limit delete and not write: ${what}`, async () => {
        const { handle } = await one.create(spec, labels, never)
        await shell(handle, script)
        if (what === 'one large file') await shell(handle, 'cp large larger')
        expect(await shell(handle, 'echo x > more')).toMatchObject({ signal: 'SIGXFSZ' })
        await shell(handle, '[ ! -d shut ] || chmod 755 shut; rm -rf * /tmp/b')
        expect(await shell(handle, 'echo x > more && cat more')).toMatchObject({ exitCode: 0, stdout: 'x\n' })
        await one.close(handle, never)
      })
    }

    it('stops a command that fills the disk while it runs', async () => {
      const { handle } = await one.create(spec, labels, never)
      const filling = 'for i in $(seq 400); do head -c 1000000 /dev/zero > file-$i; done; sleep 60'
      const stopped = await shell(handle, filling)
      expect(stopped).toMatchObject({ exitCode: null, signal: 'SIGKILL', timedOut: false })
      expect(stopped.stderr).toContain('the sandbox may hold 2 MB of files')
      await one.close(handle, never)
    })
  })

  it.runIf(process.getuid?.() === 0)(
    'names the folder that keeps the user of the commands out, and what to do',
    async () => {
      const shut = join(folder, 'shut')
      mkdirSync(join(shut, 'data'), { recursive: true })
      chmodSync(shut, 0o700)
      const root = join(shut, 'data', 'sandboxes')
      const one = createLocalProvider({ folder: root })
      const reason =
        `local sandboxes belong to user 65531, who cannot enter ${shut}, the folder above ${root}: ` +
        `run "chmod o+x ${shut}", or set DATA_DIR to a folder that every user can reach`
      expect(await one.problem()).toBe(reason)
      // Somebody may close it after the start.
      await expect(one.find({ installation: 'shut' }, never)).rejects.toMatchObject({
        code: 'unavailable',
        message: reason,
      })
      chmodSync(shut, 0o755)
      expect(await one.problem()).toBeUndefined()
      await one.end()
    },
  )

  it.runIf(process.getuid?.() === 0)(
    'hides sandboxes from other users, and keeps them when its user changes',
    async () => {
      const root = join(folder, 'another-user')
      const spec = { template, network: false, memoryMb: 64, pids: 16, diskMb: 8, ttlSeconds: 600 }
      const before = createLocalProvider({ folder: root, user: { uid: 65_530, gid: 65_530 } })
      const labels = { installation: 'users', rollout: '1', name: 'shell', generation: '1' }
      const { handle } = await before.create(spec, labels, never)
      await before.write(handle, 'note', new TextEncoder().encode('one'), never)
      await before.end()
      const after = createLocalProvider({ folder: root })
      const argv = [
        'sh',
        '-c',
        'echo two >> note && cat note && for file in *; do [ -w "$file" ] || echo "not $file"; done',
      ]
      const request = { key: '1', argv, timeoutSeconds: 20, maxOutputBytes: 1000 }
      expect(await after.exec(handle, request, never)).toMatchObject({ exitCode: 0, stdout: 'onetwo\n', stderr: '' })
      const { uid, mode } = statSync(join(root, 'boxes'))
      expect([uid, mode & 0o777]).toEqual([65_531, 0o700])
      await after.close(handle, never)
      await after.end()
    },
  )

  const program = fileURLToPath(new URL('../../../support/sandbox/ordinary-user.ts', import.meta.url))
  const dyingServer = fileURLToPath(new URL('../../../support/sandbox/dying-server.ts', import.meta.url))
  const user = { uid: 65_532, gid: 65_532 }
  const canRead = process.getuid?.() === 0 && spawnSync('head', ['-c', '1', program], user).status === 0

  it.runIf(canRead)(
    'serves an ordinary user, who owns what the commands write, and inherits no open file of the server',
    () => {
      const own = join(folder, 'own')
      mkdirSync(own)
      chownSync(own, user.uid, user.gid)
      const args = ['--import', import.meta.resolve('tsx'), program, own, template]
      writeFileSync(join(own, 'secret'), 'SECRET OF THE SERVER')
      const secret = openSync(join(own, 'secret'), 'r')
      const stdio = ['ignore', 'pipe', 'pipe', ...Array.from({ length: 37 }, () => 'ignore' as const), secret] as const
      const { stdout, stderr } = spawnSync(process.execPath, args, {
        ...user,
        cwd: '/',
        encoding: 'utf8',
        stdio: [...stdio],
      })
      closeSync(secret)
      expect([JSON.parse(stdout || 'null'), stderr]).toEqual([
        { output: 'hello\nmore\n1000\n', left: 0, owners: [user.uid] },
        '',
      ])
    },
    60_000,
  )

  describe('the local provider, when processes die', () => {
    const spec = { template, network: false, memoryMb: 256, pids: 64, diskMb: 64, ttlSeconds: 600 }
    const labels = { installation: `died-${process.pid}`, rollout: '1', name: 'shell', generation: '1' }
    const slow = { key: 'slow', argv: ['sh', '-c', heldScript], timeoutSeconds: 30, maxOutputBytes: 1000 }

    it('finishes a command whose server has ended, and the next server reads its result', async () => {
      const first = provider()
      const { handle } = await first.create(spec, labels, never)
      const cut = first.exec(handle, slow, never).catch((error: unknown) => error)
      await held(handle).started()
      await first.end()
      await held(handle).release()
      const next = provider()
      expect(await next.exec(handle, slow, never)).toMatchObject({ exitCode: 0, stdout: 'done\n' })
      expect(await held(handle).runs()).toBe(1)
      expect(await cut).toMatchObject({ code: 'unavailable' })
      await next.close(handle, never)
      await next.end()
    })

    it('finishes a command whose caller has given it up, and gives the result to the next caller', async () => {
      const one = provider()
      const { handle } = await one.create(spec, labels, never)
      const leaving = new AbortController()
      const left = one.exec(handle, slow, leaving.signal).catch((error: unknown) => error)
      await held(handle).started()
      leaving.abort(new Error('the caller left'))
      expect(await left).toEqual(new Error('the caller left'))
      const next = one.exec(handle, slow, never)
      await held(handle).release()
      expect(await next).toMatchObject({ exitCode: 0, stdout: 'done\n' })
      expect(await held(handle).runs()).toBe(1)
      await one.close(handle, never)
      await one.end()
    })

    it('does not begin a command whose caller gives up while others run', async () => {
      const root = join(folder, 'one-at-a-time')
      const one = createLocalProvider({ folder: root, concurrentCommands: 1 })
      const [first, second] = await Promise.all(
        ['11', '12'].map(async (rollout) => (await one.create(spec, { ...labels, rollout }, never)).handle),
      )
      if (first === undefined || second === undefined) throw new Error('no sandboxes')
      const running = one.exec(first, slow, never)
      await heldOnDisk(root, first).started()
      await expect(one.exec(second, slow, AbortSignal.timeout(500))).rejects.toThrow()
      await heldOnDisk(root, first).release()
      await running
      await heldOnDisk(root, second).release()
      expect(await one.exec(second, slow, never)).toMatchObject({ exitCode: 0, stdout: 'done\n' })
      expect(await heldOnDisk(root, second).runs()).toBe(1)
      for (const handle of [first, second]) await one.close(handle, never)
      await one.end()
    })

    it.each(['dies', 'lives'])(
      'creates what it was asked for only while its server lives: one that %s',
      async (what) => {
        const root = join(folder, `server-that-${what}`)
        const one = createLocalProvider({ folder: root })
        const args = ['--import', import.meta.resolve('tsx'), dyingServer, root, template]
        const server = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
        const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]()
        const helper = Number((await lines.next()).value)
        expect(helper).toBeGreaterThan(0)
        process.kill(helper, 'SIGSTOP')
        server.stdin.write('create\n')
        expect((await lines.next()).value).toBe('asked')
        if (what === 'dies') {
          server.kill('SIGKILL')
          await once(server, 'exit')
        }
        process.kill(helper, 'SIGCONT')
        if (what === 'lives') expect((await lines.next()).value).toBe('created')
        server.kill('SIGKILL')
        await expect.poll(() => existsSync(`/proc/${helper}`)).toBe(false)
        expect(await one.find({ installation: 'dying' }, never)).toHaveLength(what === 'dies' ? 0 : 1)
        await one.end()
      },
    )

    it('never runs a command again whose helper process was killed', async () => {
      const one = provider()
      const { handle } = await one.create(spec, labels, never)
      const cut = one.exec(handle, slow, never).catch((error: unknown) => error)
      await held(handle).started()
      const helpers = descendants().filter((pid) => {
        return (
          existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('local/helper')
        )
      })
      expect(helpers).not.toEqual([])
      for (const pid of helpers) process.kill(pid, 'SIGKILL')
      expect(await cut).toMatchObject({ code: 'unavailable' })
      await expect(one.exec(handle, slow, never)).rejects.toMatchObject({ code: 'exec_ambiguous' })
      expect(await held(handle).runs()).toBe(1)
      await one.close(handle, never)
      await one.end()
    })
  })
} else {
  describe('the local provider', () => {
    it.skip(`cannot be tested on this machine: ${problem}`, () => undefined)
  })
}
