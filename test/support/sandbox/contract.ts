import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import type { ExecRequest, SandboxLabels, SandboxProvider, SandboxSpec } from '../../../src/runtime/sandbox/provider.ts'
import { type Held, heldScript, untilReleased } from './held.ts'
import { describeIsolation } from './isolation.ts'

/** What the contract's tests need of a provider. The template holds one file, `letter`, with the line `hello`. */
export interface Tested {
  readonly template: string
  /** The provider in a process of its own, or as near to that as it gets: what it holds in memory is new. */
  provider(): SandboxProvider
  /** Reaches the commands of {@link heldScript} in a sandbox. */
  held(handle: string): Held
}

/** What a provider promises beyond the contract, and what its page says that it does not. */
export interface Promises {
  /** Whether its sandboxes are isolated here; a server that only speaks a service's protocol isolates nothing. */
  readonly isolated: boolean
  /** Whether all processes of a command end with it. */
  readonly nothingRunsBetween: boolean
  /** Whether a creation with the same labels finds the sandbox of the first. */
  readonly createsOnce?: boolean
}

const never = new AbortController().signal
let lastInstallation = 0

/** The tests that every provider passes. */
export function describeContract(name: string, open: () => Promise<Tested>, promises: Promises): void {
  describe(`the ${name} provider`, () => {
    const installation = `test-${process.pid}-${++lastInstallation}`
    let tested: Tested
    let provider: SandboxProvider
    let lastRollout = 0

    const labels = (rest: Partial<SandboxLabels> = {}): SandboxLabels => {
      lastRollout += 1
      return { installation, rollout: String(lastRollout), name: 'shell', generation: '1', ...rest }
    }
    const spec = (rest: Partial<SandboxSpec> = {}): SandboxSpec => ({
      template: tested.template,
      network: false,
      memoryMb: 256,
      pids: 64,
      diskMb: 64,
      ttlSeconds: 600,
      ...rest,
    })
    const create = async (rest: Partial<SandboxSpec> = {}) =>
      (await provider.create(spec(rest), labels(), never)).handle
    let lastKey = 0
    const request = (argv: readonly string[], rest: Partial<ExecRequest> = {}): ExecRequest => {
      lastKey += 1
      return { key: `call-${lastKey}`, argv, timeoutSeconds: 30, maxOutputBytes: 10_000, ...rest }
    }
    const exec = (handle: string, argv: readonly string[], rest: Partial<ExecRequest> = {}) =>
      provider.exec(handle, request(argv, rest), never)
    const shell = (handle: string, script: string, rest: Partial<ExecRequest> = {}) =>
      exec(handle, ['sh', '-c', script], rest)
    const text = (content: string) => new TextEncoder().encode(content)

    beforeAll(async () => {
      tested = await open()
      provider = tested.provider()
      return async () => {
        for (const { handle } of await provider.find({ installation }, never)) await provider.close(handle, never)
        await provider.end()
      }
    }, 120_000)

    describe('sandboxes', () => {
      it('are found by their labels, also by another process', async () => {
        const [first, second] = [labels(), labels({ name: 'other' })]
        const { handle } = await provider.create(spec(), first, never)
        await provider.create(spec(), second, never)
        const other = tested.provider()
        const found = await other.find(first, never)
        expect(found.map((it) => [it.handle, it.labels])).toEqual([[handle, first]])
        const all = await other.find({ installation }, never)
        expect(all.map((it) => it.labels)).toEqual(expect.arrayContaining([first, second]))
        await other.end()
      })

      it.runIf(promises.createsOnce === true)('are created once, also by two processes at once', async () => {
        const one = labels()
        const other = tested.provider()
        const made = await Promise.all([provider, other, provider].map((it) => it.create(spec(), one, never)))
        const [{ handle } = { handle: '' }] = made
        expect(made.map((it) => it.handle)).toEqual([handle, handle, handle])
        await shell(handle, 'echo kept > made')
        expect(await other.create(spec(), one, never)).toEqual({ handle })
        expect((await shell(handle, 'cat made')).stdout).toBe('kept\n')
        expect(await provider.find(one, never)).toHaveLength(1)
        await other.end()
      })

      it.runIf(promises.createsOnce === true)(
        'whose creation was cut off anywhere are adopted by the next',
        async () => {
          for (const ms of [0, 5, 20, 50, 100, 200]) {
            const one = labels()
            const cut = new AbortController()
            const creating = provider.create(spec(), one, cut.signal).catch(() => undefined)
            if (ms > 0) await sleep(ms)
            cut.abort(new Error('the server has died'))
            await creating
            const next = tested.provider()
            const { handle } = await next.create(spec(), one, never)
            await next.end()
            expect((await shell(handle, 'cat letter')).stdout).toBe('hello\n')
            expect((await provider.find(one, never)).map((it) => it.handle)).toEqual([handle])
            await provider.close(handle, never)
          }
        },
        60_000,
      )

      it('of another installation are not found', async () => {
        await create()
        expect(await provider.find({ installation: `${installation}-other` }, never)).toEqual([])
      })

      it('are closed once, and closing them again is a success', async () => {
        const one = labels()
        const { handle } = await provider.create(spec(), one, never)
        expect(await provider.alive(handle, never)).toBe(true)
        await provider.close(handle, never)
        await provider.close(handle, never)
        expect(await provider.alive(handle, never)).toBe(false)
        expect(await provider.find(one, never)).toEqual([])
      })

      it('are gone after they were closed', async () => {
        const handle = await create()
        await provider.close(handle, never)
        const gone = { name: 'SandboxError', code: 'gone' }
        await expect(exec(handle, ['true'])).rejects.toMatchObject(gone)
        await expect(provider.read(handle, 'letter', 100, never)).rejects.toMatchObject(gone)
        await expect(provider.write(handle, 'letter', text('x'), never)).rejects.toMatchObject(gone)
        await expect(provider.extend(handle, 60, never)).rejects.toMatchObject(gone)
      })

      it('can be extended', async () => {
        const handle = await create()
        await provider.extend(handle, 900, never)
        expect(await provider.alive(handle, never)).toBe(true)
      })

      it('end by themselves when their time to live has passed, which can be extended', async () => {
        const [short, long] = [labels(), labels()]
        const { handle: extended } = await provider.create(spec({ ttlSeconds: 8 }), long, never)
        const ends = sleep(8_500)
        await provider.extend(extended, 900, never)
        const { handle } = await provider.create(spec({ ttlSeconds: 1 }), short, never)
        await sleep(1100)
        // As if the server that created it never came back.
        const other = tested.provider()
        const soon = { timeout: 20_000 }
        await expect.poll(() => other.alive(handle, never), soon).toBe(false)
        await expect.poll(() => other.find(short, never), soon).toEqual([])
        await expect(other.exec(handle, request(['true']), never)).rejects.toMatchObject({ code: 'gone' })
        await ends
        expect(await other.alive(extended, never)).toBe(true)
        expect(await other.find(long, never)).toHaveLength(1)
        await other.end()
      }, 60_000)

      it('close while a command runs', async () => {
        const handle = await create()
        const running = shell(handle, heldScript).then(
          () => 'ended',
          () => 'failed',
        )
        await tested.held(handle).started()
        await provider.close(handle, never)
        expect(await running).toBe('failed')
        expect(await provider.alive(handle, never)).toBe(false)
      })
    })

    describe('commands', () => {
      let handle: string
      beforeAll(async () => {
        handle = await create()
      })

      it('start in a writable copy of the template', async () => {
        const own = await create()
        expect(await shell(own, 'cat letter; echo more >> letter; echo new > file')).toEqual({
          exitCode: 0,
          signal: null,
          stdout: 'hello\n',
          stderr: '',
          timedOut: false,
          truncated: false,
        })
        expect((await shell(own, 'cat letter file')).stdout).toBe('hello\nmore\nnew\n')
        expect((await shell(await create(), 'cat letter; ls')).stdout).toBe('hello\nletter\n')
      })

      it('tell their exit code and both outputs', async () => {
        const ended = await shell(handle, 'echo out; echo err >&2; exit 3')
        expect(ended).toMatchObject({ exitCode: 3, signal: null, stdout: 'out\n', stderr: 'err\n' })
      })

      it('tell the signal that killed them', async () => {
        expect(await shell(handle, 'kill -TERM $$')).toMatchObject({
          exitCode: 143,
          signal: 'SIGTERM',
          timedOut: false,
        })
      })

      it('that do not exist exit with 127', async () => {
        expect(await exec(handle, ['no-such-program'])).toMatchObject({ exitCode: 127 })
      })

      it('get their arguments as they are', async () => {
        const odd = ['', ' ', "'", '"', '$HOME', '`id`', '\n', '-n', 'ü', '\\']
        const ended = await exec(handle, ['sh', '-c', 'for each in "$@"; do printf "%s|" "$each"; done', 'sh', ...odd])
        expect(ended.stdout).toBe(`${odd.join('|')}|`)
      })

      it('get their input, text or bytes, and an end of it', async () => {
        expect((await exec(handle, ['cat'], { input: 'a\nü\n' })).stdout).toBe('a\nü\n')
        expect((await exec(handle, ['wc', '-c'], { input: new Uint8Array(300_000) })).stdout.trim()).toBe('300000')
        expect((await exec(handle, ['cat'])).stdout).toBe('')
      })

      it('may leave their input unread', async () => {
        for (const input of ['x', new Uint8Array(300_000)]) {
          const ended = await shell(handle, 'echo out; echo err >&2; exit 3', { input })
          expect(ended).toMatchObject({ exitCode: 3, stdout: 'out\n', stderr: 'err\n' })
        }
      })

      it('get their variables and their folder', async () => {
        const ended = await shell(handle, 'echo "$COLOR"; pwd', { env: { COLOR: 'deep "blue" $x' }, cwd: '/tmp' })
        expect(ended.stdout).toBe('deep "blue" $x\n/tmp\n')
      })

      it('whose folder cannot be entered fail with a sentence', async () => {
        await provider.write(handle, 'a file', text(''), never)
        for (const cwd of ['/missing', 'missing/er', 'a file', '-']) {
          expect(await exec(handle, ['echo', 'ran'], { cwd })).toEqual({
            exitCode: 126,
            signal: null,
            stdout: '',
            stderr: `the working folder ${cwd} does not exist or cannot be entered\n`,
            timedOut: false,
            truncated: false,
          })
        }
        const relative = await shell(handle, 'mkdir -p ./-/sub; pwd')
        expect((await shell(handle, 'pwd', { cwd: '-/sub' })).stdout).toBe(`${relative.stdout.trim()}/-/sub\n`)
      })

      it('may print more than they may write to a file', async () => {
        const small = await create({ diskMb: 1 })
        const ended = await shell(small, 'yes 0123456789 | head -c 3000000', { maxOutputBytes: 4_000_000 })
        expect(ended).toMatchObject({ exitCode: 0, truncated: false })
        expect(ended.stdout).toHaveLength(3_000_000)
      })

      it('get nothing of the server’s environment', async () => {
        process.env['SECRET_OF_THE_SERVER'] = 'hunter2'
        const { stdout } = await shell(handle, 'env; cat /proc/*/environ 2>/dev/null')
        delete process.env['SECRET_OF_THE_SERVER']
        expect(stdout).toContain('PATH=')
        expect(stdout).not.toContain('hunter2')
      })

      it('lose the output beyond the limit, and go on', async () => {
        const script = 'yes 0123456789 | head -c 5000000; echo problem >&2; exit 4'
        const ended = await shell(handle, script, { maxOutputBytes: 1000 })
        expect(ended).toMatchObject({ exitCode: 4, truncated: true, stderr: 'problem\n' })
        expect(ended.stdout).toHaveLength(1000)
      })

      it('may print what is not UTF-8, and the limit may fall into a character', async () => {
        expect((await shell(handle, "printf 'a\\377b'")).stdout).toBe('a\uFFFDb')
        expect((await shell(handle, 'printf "aüü"', { maxOutputBytes: 4 })).stdout).toBe('aü')
      })

      it('are stopped at their timeout, with what they printed so far', async () => {
        const ended = await shell(handle, `echo before; ${untilReleased}`, { timeoutSeconds: 2 })
        expect(ended).toEqual({
          exitCode: null,
          signal: 'SIGKILL',
          stdout: 'before\n',
          stderr: '',
          timedOut: true,
          truncated: false,
        })
      })

      it.runIf(promises.nothingRunsBetween)('leave no process behind', async () => {
        const own = await create()
        const ticking = '(while :; do echo tick >> ticks; sleep 0.1; done) >/dev/null 2>&1'
        const script = `${ticking} & until [ -s ticks ]; do sleep 0.05; done; echo started`
        expect((await shell(own, script)).stdout).toBe('started\n')
        const before = await provider.read(own, 'ticks', 10_000, never)
        await sleep(500)
        expect(await provider.read(own, 'ticks', 10_000, never)).toEqual(before)
      })
    })

    describe('commands of two servers in one sandbox', () => {
      const others: readonly (readonly [string, (other: SandboxProvider, handle: string) => Promise<unknown>])[] = [
        ['ends', (other, handle) => other.exec(handle, request(['echo', 'second']), never)],
        ['times out', (other, handle) => other.exec(handle, request(['sleep', '600'], { timeoutSeconds: 1 }), never)],
        ['reads a file', (other, handle) => other.read(handle, 'letter', 100, never)],
      ]
      it.each(others)('do not end each other: the second %s', async (_, use) => {
        const handle = await create()
        const other = tested.provider()
        const held = tested.held(handle)
        const first = shell(handle, heldScript)
        await held.started()
        const second = use(other, handle)
        // A provider may let it wait for the first, or run it now.
        await Promise.race([second, sleep(2_500)])
        await held.release()
        expect(await first).toMatchObject({ exitCode: 0, stdout: 'done\n' })
        expect(await second).toBeDefined()
        expect(await held.runs()).toBe(1)
        await other.end()
      })
    })

    describe('a key', () => {
      it('that is new to several servers at once runs its command once, and all get the result', async () => {
        const handle = await create()
        const servers = [provider, tested.provider(), tested.provider(), tested.provider()]
        for (let round = 1; round <= 5; round += 1) {
          const once = request(['sh', '-c', 'echo run >> runs; sleep 0.2; wc -l < runs'])
          const results = await Promise.all(servers.map((server) => server.exec(handle, once, never)))
          expect(new Set(results.map(({ stdout }) => stdout.trim()))).toEqual(new Set([String(round)]))
        }
        for (const server of servers.slice(1)) await server.end()
      })

      it('runs its command once', async () => {
        const handle = await create()
        const once = request(['sh', '-c', 'echo run >> runs; wc -l < runs; exit 5'])
        const first = await provider.exec(handle, once, never)
        const other = tested.provider()
        expect(await other.exec(handle, once, never)).toEqual(first)
        expect(await provider.exec(handle, once, never)).toEqual(first)
        expect(first).toMatchObject({ exitCode: 5 })
        expect((await shell(handle, 'wc -l < runs')).stdout.trim()).toBe('1')
        await other.end()
      })

      it('that is used twice at the same time runs its command once, and both get the result', async () => {
        const handle = await create()
        const other = tested.provider()
        const held = tested.held(handle)
        const once = request(['sh', '-c', heldScript])
        const first = provider.exec(handle, once, never)
        await held.started()
        const second = other.exec(handle, once, never)
        await held.release()
        const results = await Promise.all([first, second])
        expect(results[0]).toEqual(results[1])
        expect(results[0].stdout).toBe('done\n')
        expect(await held.runs()).toBe(1)
        await other.end()
      })

      it('whose caller gave up never runs its command again', async () => {
        const handle = await create()
        const held = tested.held(handle)
        const once = request(['sh', '-c', heldScript])
        const leaving = new AbortController()
        const left = provider.exec(handle, once, leaving.signal).catch((error: unknown) => error)
        await held.started()
        leaving.abort(new Error('the caller left'))
        expect(await left).toEqual(new Error('the caller left'))
        await held.release()
        const again = await provider.exec(handle, once, never).then(
          ({ stdout }) => stdout,
          (error: { code: unknown }) => error.code,
        )
        expect(['done\n', 'exec_ambiguous']).toContain(again)
        expect(await held.runs()).toBe(1)
      })

      it('that is not safe for a file name is refused', async () => {
        const handle = await create()
        for (const key of ['', '../x', 'a b', 'x'.repeat(201)]) {
          await expect(exec(handle, ['true'], { key })).rejects.toMatchObject({ code: 'refused' })
        }
      })
    })

    describe('files', () => {
      let handle: string
      beforeAll(async () => {
        handle = await create()
      })

      it('are written with the folders above them, and read', async () => {
        const bytes = Uint8Array.from({ length: 70_000 }, (_, at) => at % 251)
        await provider.write(handle, 'deep/er/file', bytes, never)
        expect(Buffer.from(await provider.read(handle, 'deep/er/file', 100_000, never)).equals(bytes)).toBe(true)
        expect((await shell(handle, 'wc -c < deep/er/file')).stdout.trim()).toBe('70000')
        await provider.write(handle, '/tmp/empty', text(''), never)
        expect(await provider.read(handle, '/tmp/empty', 10, never)).toHaveLength(0)
      })

      it('may have odd names', async () => {
        for (const name of ['-n', 'a b', "it's", '$HOME', 'ü']) {
          await provider.write(handle, `odd/${name}`, text(name), never)
          expect(Buffer.from(await provider.read(handle, `odd/${name}`, 100, never)).toString()).toBe(name)
        }
      })

      it('that do not exist, are folders, are devices or are too long are refused', async () => {
        await shell(handle, 'mkfifo fifo')
        for (const path of ['missing', '/tmp', '/dev/zero', 'fifo']) {
          await expect(provider.read(handle, path, 1000, never)).rejects.toMatchObject({ code: 'refused' })
        }
        await expect(provider.read(handle, 'letter', 3, never)).rejects.toMatchObject({ code: 'refused' })
        await expect(provider.write(handle, '/proc/x/y', text(''), never)).rejects.toMatchObject({ code: 'refused' })
      })
    })

    describe('files that cannot be written', () => {
      it.each([
        ['a folder', 'folder', 'folder is a folder'],
        ['a folder that does not exist', 'new/', 'new/ is a folder'],
        ['a path below a file', 'letter/x/y', 'letter is not a folder'],
        ['a path in a closed folder', 'closed/x', 'nothing can be written to the folder closed'],
        ['a closed file', 'folder/closed', 'folder/closed cannot be written'],
        ['a device', '/dev/tty', '/dev/tty is not a file'],
        ['a link to nothing', 'link', 'link cannot be written'],
      ])('are refused with a sentence: %s', async (_, path, message) => {
        const handle = await create()
        const script =
          'mkdir folder closed; touch folder/closed; chmod 400 folder/closed; chmod 500 closed; ln -s no/where link'
        expect(await shell(handle, script)).toMatchObject({ exitCode: 0 })
        const refused = { code: 'refused', message }
        await expect(provider.write(handle, path, text('x'), never)).rejects.toMatchObject(refused)
      })
    })

    if (promises.isolated) describeIsolation(() => provider, spec, labels)
  })
}
