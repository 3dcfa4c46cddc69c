import { spawnSync } from 'node:child_process'
import { chmodSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { useFolder } from '../../../support/temporary.ts'

const parent = useFolder()
chmodSync(parent, 0o777)
const program = new URL('../../../../src/runtime/sandbox/local/cgroups.ts', import.meta.url)
const [one, other] = [65_530, 65_529]
const asUser = (uid: number) => ({ uid, gid: uid, cwd: '/', encoding: 'utf8' }) as const
const canRead =
  process.getuid?.() === 0 &&
  spawnSync('unshare', ['--user', '--map-root-user', 'head', '-c', '1', fileURLToPath(program)], asUser(one)).status ===
    0

/** Makes the folder of the user `named` as the helper of the user `uid` does, in a user namespace where it is root. */
function make(uid: number, named: number) {
  const call = `import { makeGroupFolder } from ${JSON.stringify(program.href)}
    process.stdout.write(makeGroupFolder(${JSON.stringify(parent)}, ${named}, undefined))`
  const node = [process.execPath, '--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', call]
  return spawnSync('unshare', ['--user', '--map-root-user', ...node], asUser(uid))
}

describe.runIf(canRead)('the folder for the control groups of one user', () => {
  it('has the name of that user, also where each user is root of a namespace', { timeout: 60_000 }, () => {
    for (const uid of [one, other]) {
      const folder = join(parent, `scorekeeper-${uid}`)
      expect(make(uid, uid)).toMatchObject({ stdout: folder, stderr: '' })
      expect(make(uid, uid)).toMatchObject({ stdout: folder, stderr: '' })
      expect(statSync(folder).uid).toBe(uid)
    }
  })

  it('is refused if it belongs to another user', { timeout: 60_000 }, () => {
    expect(make(one, one).status).toBe(0)
    const { status, stdout, stderr } = make(other, one)
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toContain(`permission denied, access '${join(parent, `scorekeeper-${one}`)}'`)
  })
})
