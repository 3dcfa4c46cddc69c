import { execFile } from 'node:child_process'
import { createServer, type IncomingMessage } from 'node:http'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { makeFolder, removeFolder } from '../../support/temporary.ts'

const script = fileURLToPath(new URL('../../../scripts/audit.js', import.meta.url))

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  return String(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body)
}

/** Runs the audit against a registry with this answer; also returns the packages that it asked about. */
async function audit(advisories: unknown, status = 200) {
  let asked: string[] = []
  const registry = createServer(async (request, response) => {
    const isQuestion = request.url?.endsWith('/advisories/bulk') === true
    if (isQuestion) asked = Object.keys(z.record(z.string(), z.unknown()).parse(JSON.parse(await bodyOf(request))))
    response.writeHead(isQuestion ? status : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(isQuestion ? advisories : {}))
  })
  await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve))
  const address = registry.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const { PATH = '' } = process.env
  // npm caches advisories by their id, so each run has its own home.
  const home = makeFolder()
  const env = { PATH, HOME: home, npm_config_registry: `http://127.0.0.1:${address.port}/` }
  const result = await new Promise<{ code: unknown; output: string }>((resolve) => {
    execFile(process.execPath, [script], { env }, (error, stdout) =>
      resolve({ code: error?.code ?? 0, output: stdout }),
    )
  })
  registry.closeAllConnections()
  registry.close()
  await removeFolder(home)
  return { ...result, asked }
}

const advisory = (severity: string, versions = '*') => ({
  hono: [{ id: 1, url: 'https://a.example/1', title: 'All is wrong', severity, vulnerable_versions: versions }],
})

describe('the audit of dependencies', { timeout: 60_000 }, () => {
  it.each(['high', 'critical'])('fails if the registry knows a %s vulnerability, and names it', async (severity) => {
    const { code, output } = await audit(advisory(severity))
    expect(code).toBe(1)
    expect(output).toContain(`hono: ${severity}: All is wrong https://a.example/1`)
  })

  it('passes if it knows none, only less severe ones, or only those of other versions', async () => {
    for (const answer of [{}, advisory('moderate'), advisory('critical', '<0.0.1')]) {
      const { code, output, asked } = await audit(answer)
      expect([code, output]).toEqual([0, 'audit: 0 high or critical vulnerabilities in production dependencies\n'])
      expect(asked).toContain('hono')
      expect(asked).not.toContain('vitest')
    }
  })

  it.each([404, 405, 500])('passes, and says so, if the registry does not serve advisories: %i', async (status) => {
    const { code, output } = await audit({ error: 'not here' }, status)
    expect(code).toBe(0)
    expect(output).toContain('the registry does not serve advisories')
  })
})
