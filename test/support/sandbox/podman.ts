import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { useFolder } from '../temporary.ts'

const absent = ['/usr/bin/podman', '/usr/sbin/runc', '/bin/busybox'].find((path) => !existsSync(path))

/** Why the tests cannot use Podman on this machine; undefined if they can. */
export const noPodman: string | undefined =
  process.getuid?.() !== 0 ? 'it needs root' : absent === undefined ? undefined : `there is no ${absent}`

/** Starts Podman's service with an image of busybox until the tests of the file have ended: nothing is downloaded. */
export function usePodman(): { readonly socketPath: string; readonly image: string } {
  const folder = useFolder()
  const socketPath = join(folder, 'podman.sock')
  const image = `scorekeeper-test-${process.pid}`
  const storage = ['--root', join(folder, 'storage'), '--runroot', join(folder, 'run'), '--runtime', 'runc']
  const script = `
  mkdir -p bin tmp etc proc dev sys workspace home/agent
  cp /bin/busybox bin/busybox
  for each in $(bin/busybox --list); do [ "$each" = busybox ] || ln -s busybox "bin/$each"; done
  echo 'agent:x:1000:1000::/home/agent:/bin/sh' > etc/passwd
  echo hello > workspace/letter
  chmod 1777 tmp
  chown -R 1000:1000 workspace home/agent
  tar -c . | podman "$@" import --change 'WORKDIR /workspace' --change 'ENV PATH=/bin' - "$IMAGE"`
  execFileSync('sh', ['-c', `mkdir rootfs && cd rootfs && ${script}`, 'sh', ...storage], {
    cwd: folder,
    env: { PATH: process.env['PATH'], IMAGE: image },
    stdio: 'ignore',
  })
  const service = spawn('podman', [...storage, 'system', 'service', '--time=0', `unix://${socketPath}`], {
    cwd: folder,
    stdio: 'ignore',
  })
  afterAll(async () => {
    service.kill()
    for (const args of [
      ['rm', '--all', '--force', '--time=0'],
      ['rmi', '--all', '--force'],
    ]) {
      execFileSync('podman', [...storage, ...args], { stdio: 'ignore' })
    }
    // Podman mounts its storage onto itself while containers run.
    execFileSync('sh', ['-c', 'umount storage/overlay || true'], { cwd: folder, stdio: 'ignore' })
  }, 60_000)
  return { socketPath, image }
}
