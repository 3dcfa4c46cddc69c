import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { z } from 'zod'

/** A machine of its own for a sandbox, in namespaces of this one. Its processes live until it is stopped. */
export interface Machine {
  /** Starts a process as `root` or as `user` in the user's home. */
  start(user: MachineUser, argv: readonly string[], hasInput: boolean): ChildProcess
  /** Kills everything in it, and removes its files. */
  stop(): Promise<void>
}

export type MachineUser = 'root' | 'user'

const passwd = 'root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n'
const homes: Readonly<Record<MachineUser, string>> = { root: '/root', user: '/home/user' }

/** Starts a machine; `template` is a folder whose files are in the user's home. It needs root, and bubblewrap. */
export async function startMachine(template: string): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), 'scorekeeper-machine-'))
  const inFolder = (name: string) => join(folder, name)
  await Promise.all(['root', 'tmp', 'lib'].map((name) => mkdir(inFolder(name))))
  await cp(template, inFolder('home'), { recursive: true })
  await writeFile(inFolder('passwd'), passwd)
  await writeFile(inFolder('group'), 'root:x:0:\nuser:x:1000:\n')
  // What the login shell of a template may do.
  await writeFile(join(inFolder('root'), '.profile'), 'echo welcome; export PATH=/usr/bin:/bin COLOR=profile\n')
  await finished(spawn('sh', ['-c', 'chown -R 1000:1000 home && chmod 700 root && chmod 1777 tmp'], { cwd: folder }))
  const links = ['/bin', '/sbin', '/lib', '/lib64'].flatMap((path) => ['--symlink', `usr${path}`, path])
  const options = [
    ...['--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts', '--die-with-parent', '--as-pid-1'],
    ...['--ro-bind', '/usr', '/usr', ...links, '--proc', '/proc', '--dev', '/dev'],
    ...['--dir', '/home', '--dir', '/var', '--dir', '/etc'],
    ...[
      '--bind',
      inFolder('root'),
      '/root',
      '--bind',
      inFolder('home'),
      '/home/user',
      '--bind',
      inFolder('tmp'),
      '/tmp',
    ],
    ...['--bind', inFolder('lib'), '/var/lib', '--bind', inFolder('passwd'), '/etc/passwd'],
    ...['--bind', inFolder('group'), '/etc/group', '--info-fd', '3'],
  ]
  // Ends when its standard input does, so that it does not outlive the tests.
  const init = spawn('bwrap', [...options, '--', 'sh', '-c', 'echo ready; exec cat > /dev/null'], {
    env: { PATH: '/usr/bin:/bin' },
    stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
  })
  const over = finished(init)
  if (init.stdout !== null) await Promise.race([once(init.stdout, 'data'), over])
  const info = init.stdio[3]
  if (info === undefined || info === null || !('read' in info)) throw new Error('bubblewrap has no output')
  const { 'child-pid': pid } = z.object({ 'child-pid': z.number() }).parse(JSON.parse(await text(info)))

  return {
    start(user, argv, hasInput) {
      const into = ['--target', String(pid), '--mount', '--pid', '--net', '--ipc', '--uts', '--root']
      const id = user === 'root' ? '0' : '1000'
      const home = homes[user]
      const variables = [`PATH=/usr/local/bin:/usr/bin:/bin`, `HOME=${home}`, `USER=${user}`, `LOGNAME=${user}`]
      const enter = ['sh', '-c', 'cd "$1" && shift && exec "$@"', 'sh', home]
      return spawn('nsenter', [...into, '--setgid', id, '--setuid', id, 'env', '-i', ...variables, ...enter, ...argv], {
        stdio: [hasInput ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      })
    },
    async stop() {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended.
      }
      await over
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

function finished(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('error', () => resolve())
    child.once('close', () => resolve())
  })
}
