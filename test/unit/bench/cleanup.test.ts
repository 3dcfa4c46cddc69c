import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createCleanup, makeScratchFolder } from '../../../bench/cleanup.ts'

describe('the cleanup of a bench', () => {
  it('runs the last step first, each once, continues after a failed step and reports it', async () => {
    const done: string[] = []
    const cleanup = createCleanup()
    cleanup.add(() => void done.push('first'))
    cleanup.add(() => Promise.reject(new Error('stuck')))
    cleanup.add(async () => void done.push('last'))
    await expect(cleanup.run()).rejects.toThrow('stuck')
    await expect(cleanup.run()).rejects.toThrow('stuck')
    expect(done).toEqual(['last', 'first'])
  })

  it('removes a scratch folder that every user could pass through', async () => {
    const cleanup = createCleanup()
    const folder = makeScratchFolder(cleanup)
    writeFileSync(join(folder, 'file'), 'text')
    expect(statSync(folder).mode & 0o777).toBe(0o711)
    await cleanup.run()
    expect(existsSync(folder)).toBe(false)
  })
})
