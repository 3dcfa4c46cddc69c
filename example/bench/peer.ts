import { execFile, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { z } from 'zod'
import type { Cleanup } from '../../bench/cleanup.ts'
import { stop } from '../../bench/processes.ts'

/** The FastAPI server that is compared with. */
export interface Peer {
  readonly pid: number
  readonly port: number
  /** Its versions, for a person. */
  readonly about: string
}

const versionsText = `
import fastapi, uvicorn, sys, importlib.util as i
found = [name for name in ("uvloop", "httptools") if i.find_spec(name)]
print(f"Python {sys.version.split()[0]}, FastAPI {fastapi.__version__}, uvicorn {uvicorn.__version__} with {' and '.join(found) or 'asyncio and h11'}")`

/**
 * Starts the peer on these pages, with the first Python that has FastAPI and uvicorn; undefined if none has.
 *
 * @param pages the path of its file of pages
 */
export async function startPeer(pages: string, key: string, cleanup: Cleanup): Promise<Peer | undefined> {
  for (const python of ['python3', '/usr/bin/python3']) {
    const about = await promisify(execFile)(python, ['-c', versionsText]).then(
      ({ stdout }) => stdout.trim(),
      () => undefined,
    )
    if (about === undefined) continue
    const port = await freePort()
    const program = fileURLToPath(new URL('peer.py', import.meta.url))
    const child = spawn(python, [program, String(port), pages, key], { stdio: ['ignore', 'ignore', 'inherit'] })
    cleanup.add(() => stop(child))
    for (let tries = 0; tries < 100; tries += 1) {
      if (await answers(`http://127.0.0.1:${port}/openapi.json`)) return { pid: child.pid ?? 0, port, about }
      await sleep(100)
    }
    throw new Error(`the FastAPI server of ${program} did not start within ten seconds`)
  }
  return undefined
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok
  } catch {
    return false
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = z.object({ port: z.number() }).parse(server.address())
  await new Promise((resolve) => server.close(resolve))
  return port
}
