import { describe, expect, it } from 'vitest'
import { folderOf } from '../../../../src/runtime/sandbox/local/cgroups.ts'

const first = `
31 24 0:27 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755
35 31 0:30 / /sys/fs/cgroup/memory rw,nosuid shared:13 - cgroup cgroup rw,memory
36 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:14 - cgroup cgroup rw,cpu,cpuacct
37 31 0:32 / /sys/fs/cgroup/unified rw,nosuid shared:15 - cgroup2 cgroup2 rw`
const second = '35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate'
const container = '612 590 0:30 /docker/abc /sys/fs/cgroup/memory ro,nosuid master:13 - cgroup cgroup rw,memory'

describe('the folder of a control group', () => {
  it('is below the mount of its controller, with version 1', () => {
    const own = '9:memory:/jobs/one\n8:cpu,cpuacct:/fast\n0::/jobs'
    expect(folderOf('memory', first, own)).toBe('/sys/fs/cgroup/memory/jobs/one')
    expect(folderOf('cpuacct', first, own)).toBe('/sys/fs/cgroup/cpu,cpuacct/fast')
    expect(folderOf('pids', first, own)).toBeUndefined()
    expect(folderOf(undefined, first, own)).toBe('/sys/fs/cgroup/unified/jobs')
  })

  it('is below the one mount of version 2', () => {
    const own = '0::/system.slice/scorekeeper.service/server'
    expect(folderOf(undefined, second, own)).toBe('/sys/fs/cgroup/system.slice/scorekeeper.service/server')
    expect(folderOf('memory', second, own)).toBeUndefined()
  })

  it('is counted from what a container shows of the tree', () => {
    expect(folderOf('memory', container, '4:memory:/docker/abc')).toBe('/sys/fs/cgroup/memory')
    expect(folderOf('memory', container, '4:memory:/docker/abc/below')).toBe('/sys/fs/cgroup/memory/below')
  })

  it('does not exist where nothing is mounted', () => {
    expect(folderOf(undefined, '', '0::/')).toBeUndefined()
    expect(folderOf('memory', second, '')).toBeUndefined()
  })
})
