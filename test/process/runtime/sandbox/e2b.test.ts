import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, describe, expect, it } from 'vitest'
import { createE2bProvider } from '../../../../src/runtime/sandbox/e2b/e2b-provider.ts'
import type { ExecRequest, SandboxSpec } from '../../../../src/runtime/sandbox/provider.ts'
import { describeContract } from '../../../support/sandbox/contract.ts'
import { openE2bService } from '../../../support/sandbox/e2b/service.ts'
import { heldScript, heldThrough, untilReleased } from '../../../support/sandbox/held.ts'
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

  const provider = () => createE2bProvider(service.settings)
  const held = (handle: string) => heldThrough(provider(), handle)
  const promises = { isolated: false, nothingRunsBetween: false }
  describeContract('e2b', async () => ({ template: 'desk', provider, held }), promises)

  describe('the e2b provider, in a sandbox', () => {
    const never = new AbortController().signal
    const e2b = provider()
    let rollouts = 0
    let keys = 0
    const create = async (rest: Partial<SandboxSpec> = {}) => {
      rollouts += 1
      const spec = { template: 'desk', network: false, memoryMb: 256, pids: 64, diskMb: 64, ttlSeconds: 600, ...rest }
      const labels = { installation: 'inside', rollout: String(rollouts), name: 'shell', generation: '1' }
      return (await e2b.create(spec, labels, never)).handle
    }
    const request = (script: string, rest: Partial<ExecRequest> = {}): ExecRequest => {
      keys += 1
      const argv = ['sh', '-c', script]
      return { key: `inside-${keys}`, argv, timeoutSeconds: 30, maxOutputBytes: 10_000, ...rest }
    }
    const shell = (handle: string, script: string, rest: Partial<ExecRequest> = {}) =>
      e2b.exec(handle, request(script, rest), never)
    /** Runs a script as root, which the agent cannot. */
    const asRoot = async (handle: string, script: string) => {
      const machine = await service.boxes.get(handle)?.machine()
      const child = machine?.start('root', ['/bin/sh', '-c', script], false)
      if (child?.stdout === null || child === undefined) throw new Error(`sandbox ${handle} does not exist`)
      return await text(child.stdout)
    }

    it('finishes a command whose connection is lost, and reads its result over another one', async () => {
      const handle = await create()
      const cut = e2b.exec(handle, request(`${heldScript}; echo problem >&2; exit 3`), never)
      await held(handle).started()
      service.disconnect()
      await held(handle).release()
      expect(await cut).toMatchObject({ exitCode: 3, stdout: 'done\n', stderr: 'problem\n' })
      expect(await held(handle).runs()).toBe(1)
    })

    it('finishes a command whose server has ended, and the next server reads its result', async () => {
      const handle = await create()
      const slow = request(heldScript)
      const dying = new AbortController()
      const first = provider()
      const cut = first.exec(handle, slow, dying.signal).catch((error: unknown) => error)
      await held(handle).started()
      dying.abort(new Error('killed'))
      expect(await cut).toEqual(new Error('killed'))
      await first.end()
      await held(handle).release()
      expect(await provider().exec(handle, slow, never)).toMatchObject({ exitCode: 0, stdout: 'done\n' })
      expect(await held(handle).runs()).toBe(1)
    })

    it('never runs a command again whose script was killed', async () => {
      const handle = await create()
      const slow = request(heldScript)
      const cut = e2b.exec(handle, slow, never).catch((error: unknown) => error)
      await held(handle).started()
      const isScript = `tr '\\0' ' ' < $each/cmdline | grep -q '[s]corekeeper ${slow.key} user'`
      await asRoot(handle, `for each in /proc/[0-9]*; do ${isScript} && kill -9 "\${each#/proc/}"; done`)
      expect(await cut).toMatchObject({ code: 'exec_ambiguous' })
      await expect(provider().exec(handle, slow, never)).rejects.toMatchObject({ code: 'exec_ambiguous' })
      expect(await held(handle).runs()).toBe(1)
    })

    it('asks again how a sandbox is reached when its token is rejected', async () => {
      const handle = await create()
      await shell(handle, 'true')
      const box = service.boxes.get(handle)
      if (box !== undefined) box.token = 'another-token'
      expect(await shell(handle, 'echo reached')).toMatchObject({ stdout: 'reached\n' })
    })

    it('runs commands as the agent, who cannot become root or reach the journal', async () => {
      const handle = await create()
      const key = 'a-secret-key'
      await shell(handle, 'echo secret', { key, input: 'secret' })
      const { stdout } = await shell(
        handle,
        `id -un; umask; grep NoNewPrivs /proc/self/status; grep CapBnd /proc/self/status
          ls /var/lib/scorekeeper 2>&1; find / -name '*${key}*' 2>/dev/null; ls /proc/1/root 2>&1 | tail -n 1`,
      )
      expect(stdout.replaceAll('\t', ' ').split('\n')).toEqual([
        'user',
        '0022',
        'NoNewPrivs: 1',
        'CapBnd: 0000000000000000',
        expect.stringContaining('Permission denied'),
        expect.stringContaining('Permission denied'),
        '',
      ])
      expect(await asRoot(handle, 'ls /var/lib/scorekeeper')).toContain(key)
      expect(await asRoot(handle, 'ls /var/lib/scorekeeper/input')).toBe('')
    })

    it('gives commands the variables of the template, and nothing of the login shell that the service starts', async () => {
      const { stdout } = await shell(await create(), 'env')
      const names = ['COLOR', 'HOME', 'LOGNAME', 'PATH', 'PWD', 'USER']
      const lines = stdout.split('\n').filter((line) => names.some((name) => line.startsWith(`${name}=`)))
      expect(lines.sort()).toEqual([
        'HOME=/home/user',
        'LOGNAME=user',
        'PATH=/usr/local/bin:/usr/bin:/bin',
        'PWD=/home/user',
        'USER=user',
      ])
    })

    it('sets no time limit at the service, which would kill the script that records the end', async () => {
      await shell(await create(), 'true')
      const starts = service.asked.filter(({ path }) => path.endsWith('/Start'))
      expect(starts.map(({ timeLimitMs }) => timeLimitMs).filter((limit) => limit !== undefined)).toEqual([])
      expect(starts).not.toEqual([])
    })

    it('keeps no record of reading and writing files', async () => {
      const handle = await create()
      await e2b.write(handle, 'one', new Uint8Array(3), never)
      await e2b.read(handle, 'one', 100, never)
      expect(await asRoot(handle, 'ls -A /var/lib/scorekeeper /var/lib/scorekeeper/input')).toBe(
        '/var/lib/scorekeeper:\ninput\n\n/var/lib/scorekeeper/input:\n',
      )
    })

    it('does not let the agent’s own start-up files change what is read for a grader', async () => {
      const handle = await create()
      await asRoot(handle, 'echo true > /tmp/answer')
      const fake = 'echo fake; exit 0\n'
      for (const name of ['.profile', '.bash_profile', '.bashrc']) {
        await e2b.write(handle, name, new TextEncoder().encode(fake), never)
      }
      expect(Buffer.from(await e2b.read(handle, '/tmp/answer', 100, never)).toString()).toBe('true\n')
    })

    it('lets commands open their input and outputs by name', async () => {
      const script = 'cat /dev/stdin; echo out > /dev/stdout; echo err > /dev/stderr'
      expect(await shell(await create(), script, { input: 'in\n' })).toMatchObject({
        exitCode: 0,
        stdout: 'in\nout\n',
        stderr: 'err\n',
      })
    })

    it('does not wait for what a command leaves behind, which runs on', async () => {
      const handle = await create()
      const ended = await shell(handle, `(${untilReleased}; echo late; echo on > file; sleep 60) & echo early`)
      expect(ended).toMatchObject({ exitCode: 0, stdout: 'early\n', timedOut: false })
      await held(handle).release()
      await expect.poll(() => shell(handle, 'cat file'), { timeout: 20_000 }).toMatchObject({ stdout: 'on\n' })
    })

    it('limits processes, and the size of files', async () => {
      const handle = await create({ pids: 20, diskMb: 1 })
      // None of them ends before those of the agent are counted, which starts no process.
      const fill = 'mkfifo gate; exec 3<>gate; (for i in $(seq 60); do (read -r _ <&3) & done) 2>/dev/null'
      const count = 'count=0; for each in /proc/[0-9]*; do [ -O "$each" ] && count=$((count + 1)); done; echo $count'
      const { stdout } = await shell(handle, `${fill}; ${count}`)
      expect(Number(stdout)).toBeGreaterThan(10)
      expect(Number(stdout)).toBeLessThanOrEqual(20)
      await shell(handle, 'head -c 5000000 /dev/zero > big')
      expect((await shell(handle, 'stat -c %s big')).stdout).toBe('1048576\n')
    })

    it('says what the template lacks', async () => {
      const handle = await create()
      const other = createE2bProvider({ ...service.settings, user: 'agent' })
      await expect(other.exec(handle, request('true'), never)).rejects.toMatchObject({
        code: 'refused',
        message: 'the template has no user agent',
      })
      // The model would read a refusal as its own fault.
      const unavailable = { code: 'unavailable', message: 'the template has no user agent' }
      await expect(other.read(handle, 'letter', 100, never)).rejects.toMatchObject(unavailable)
      await expect(other.write(handle, 'letter', new Uint8Array(3), never)).rejects.toMatchObject(unavailable)
    })

    it('refuses a path that no file can have, and a file that is larger than the sandbox allows', async () => {
      const handle = await create({ diskMb: 1 })
      const refused = { code: 'refused', message: 'the path is not valid' }
      for (const path of ['a\0b', 'x'.repeat(5_000)]) {
        await expect(e2b.read(handle, path, 100, never)).rejects.toMatchObject(refused)
        await expect(e2b.write(handle, path, new Uint8Array(3), never)).rejects.toMatchObject(refused)
      }
      await expect(e2b.write(handle, 'large', new Uint8Array(2_000_000), never)).rejects.toMatchObject({
        code: 'refused',
        message: 'the file is larger than the sandbox allows',
      })
    })

    it('reads nothing through the links of an agent that the agent itself cannot read', async () => {
      const handle = await create()
      await asRoot(handle, 'echo secret > /root/secret')
      await shell(handle, 'ln -s /root/secret link')
      await expect(e2b.read(handle, 'link', 100, never)).rejects.toMatchObject({ code: 'refused' })
      await expect(e2b.write(handle, 'link', new Uint8Array(3), never)).rejects.toMatchObject({ code: 'refused' })
      expect(await asRoot(handle, 'cat /root/secret')).toBe('secret\n')
    })
  })
} else {
  describe('the e2b provider', () => {
    it.skip(`cannot be tested on this machine: ${isRoot ? `there is no ${absent}` : 'it needs root'}`, () => undefined)
  })
}
