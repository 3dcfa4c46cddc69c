import { beforeAll, describe, expect, it } from 'vitest'
import type { ExecRequest, SandboxLabels, SandboxProvider, SandboxSpec } from '../../../src/runtime/sandbox/provider.ts'

const never = new AbortController().signal
const text = (content: string) => new TextEncoder().encode(content)

/** What an agent in a sandbox tries, and does not reach. */
export function describeIsolation(
  provider: () => SandboxProvider,
  spec: (rest: Partial<SandboxSpec>) => SandboxSpec,
  labels: () => SandboxLabels,
): void {
  const create = async (rest: Partial<SandboxSpec> = {}) =>
    (await provider().create(spec(rest), labels(), never)).handle
  let lastKey = 0
  const exec = (handle: string, argv: readonly string[], rest: Partial<ExecRequest> = {}) => {
    lastKey += 1
    return provider().exec(
      handle,
      { key: `try-${lastKey}`, argv, timeoutSeconds: 30, maxOutputBytes: 20_000, ...rest },
      never,
    )
  }
  const shell = (handle: string, script: string) => exec(handle, ['sh', '-c', script])

  describe('an agent', () => {
    let handle: string
    beforeAll(async () => {
      handle = await create({ pids: 40, memoryMb: 128 })
    })

    it('reaches no network, not even the machine’s own', async () => {
      const { createServer } = await import('node:net')
      const server = createServer((socket) => socket.end('reached')).listen(0, '0.0.0.0')
      await new Promise((resolve) => server.once('listening', resolve))
      const address = server.address()
      const port = typeof address === 'object' ? address?.port : undefined
      const tried = await shell(
        handle,
        `cat /proc/net/dev; (echo x | nc -w 2 127.0.0.1 ${port} || busybox nc -w 2 127.0.0.1 ${port}) 2>&1
          command -v bash >/dev/null && bash -c 'cat < /dev/tcp/127.0.0.1/${port}' 2>&1; true`,
      )
      server.close()
      expect(tried.stdout).not.toContain('reached')
      const devices = [...tried.stdout.matchAll(/^\s*(\S+):/gm)].map(([, device]) => device)
      expect(devices).toContain('lo')
      expect(devices.filter((device) => /^(eth|ens|enp|wlan|docker|podman|cni)/.test(device ?? ''))).toEqual([])
    })

    it('does not see the server’s files', async () => {
      const here = process.cwd()
      const tried = await shell(handle, `ls "${here}" 2>&1; cat "${here}/package.json" /etc/shadow; ls /root /home`)
      expect(tried.stdout).not.toContain('scorekeeper')
      expect(tried.stdout).not.toContain('root:')
    })

    it('sees no process but its own', async () => {
      const tried = await shell(handle, 'for each in /proc/[0-9]*; do tr "\\0" " " < $each/cmdline; echo; done')
      expect(tried.stdout).not.toContain('vitest')
      expect(tried.stdout).not.toContain('node')
      expect((await shell(handle, `kill -9 ${process.pid} ${process.ppid}`)).exitCode).not.toBe(0)
    })

    it('does not see another rollout’s sandbox', async () => {
      const other = await create()
      await provider().write(other, 'secret', text('SECRET OF THE OTHER'), never)
      await provider().write(other, '/tmp/secret', text('SECRET OF THE OTHER'), never)
      const tried = await shell(
        handle,
        'find / -name "secret*" -not -path "/proc/*" -not -path "/sys/*" 2>/dev/null; cat /tmp/secret',
      )
      expect(tried.stdout.split('\n').filter((line) => line.endsWith('/secret'))).toEqual([])
    })

    it('can change neither programs nor the kernel’s settings', async () => {
      const script = `
        touch /usr/bin/x; echo x > /proc/sys/kernel/hostname; echo x > /proc/sys/kernel/core_pattern
        mount -t tmpfs none /mnt; mknod /tmp/disk b 8 0; chroot / true; echo b > /proc/sysrq-trigger
        [ -e /usr/bin/x ] && echo CHANGED; id -u`
      const tried = await shell(handle, `(${script}) 2>/dev/null`)
      expect(tried.stdout).not.toContain('CHANGED')
      expect(tried.stdout.trim()).not.toBe('0')
    })

    it('starts no more processes than it may', async () => {
      // None of them ends before they are counted, which starts no process.
      const fill = 'mkfifo gate; exec 3<>gate; (for i in $(seq 100); do (read -r _ <&3) & done) 2>/dev/null'
      const { stdout } = await shell(handle, `${fill}; set -- /proc/[0-9]*; echo $#`)
      // Those of the sandbox itself count too.
      expect(Number(stdout)).toBeGreaterThan(30)
      expect(Number(stdout)).toBeLessThanOrEqual(44)
    })

    it('at the limit of its processes has its commands ended, recorded and followed by others', async () => {
      const full = await create({ pids: 20 })
      const fill = 'for i in $(seq 60); do sleep 600 & done'
      await shell(full, fill)
      expect(await shell(full, 'echo next')).toMatchObject({ exitCode: 0, stdout: 'next\n' })
      // Each process starts further ones, and none of them waits.
      const bomb = 'bomb() { bomb & bomb & sleep 600; }; bomb; bomb'
      const timedOut = await exec(full, ['sh', '-c', `(${bomb}) 2>/dev/null; (${fill}) 2>/dev/null; sleep 600`], {
        timeoutSeconds: 7,
      })
      expect(timedOut).toMatchObject({ exitCode: null, timedOut: true })
      expect(await shell(full, 'echo next')).toMatchObject({ exitCode: 0, stdout: 'next\n' })
      expect(await provider().alive(full, never)).toBe(true)
    }, 60_000)

    it('gets no more memory than it may', async () => {
      const script = `awk 'BEGIN { s = "x"; while (length(s) < 400000000) s = s s; print "GOT " length(s) }'`
      expect((await shell(handle, script)).stdout).not.toContain('GOT')
    })

    it('does not reach the journal of its commands', async () => {
      const key = `secret-key-${process.pid}`
      await exec(handle, ['true'], { key })
      const tried = await shell(handle, `find / -name '*${key}*' -not -path '/proc/*' -not -path '/sys/*' 2>/dev/null`)
      expect(tried.stdout).toBe('')
    })
  })
}
