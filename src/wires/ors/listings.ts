import type { Context } from 'hono'
import { z } from 'zod'
import type { Submit } from '../../kit/submit.ts'
import type { Split } from '../../runtime/datasets.ts'
import { readBody } from '../read-body.ts'
import type { WireDeps } from '../wire.ts'
import type { Handlers } from './sessions.ts'
import { environmentName, rangeOf, rowAt, splitNamed, splitType, taskJson } from './tasks.ts'

const ofSplit = z.object({ split: z.string() })
const ofRow = z.object({ split: z.string(), index: z.int() })
const ofRange = z.object({ split: z.string(), start: z.int().nullish(), stop: z.int().nullish() })

/** Creates the handlers that list tools and splits. */
export function listingHandlers({ allow, tools, datasets }: WireDeps, submit: Submit): Handlers {
  const list = [...tools, submit].map(({ name, description, parameters }) => ({
    name,
    description,
    input_schema: parameters,
  }))
  const listTools = async (c: Context) => {
    await allow(c.req.raw, 'tools', 'read')
    return c.json({ tools: list })
  }
  return {
    tools: listTools,
    task_tools: listTools,
    async splits(c) {
      await allow(c.req.raw, 'tools', 'read')
      return c.json(datasets.splits.map(({ name }) => ({ name, type: splitType(name) })))
    },
  }
}

/** Creates the handlers that list tasks: the part of the datasets' rows that tools may see. */
export function taskHandlers(deps: WireDeps): Handlers {
  const { allow, datasets, readItem, respond } = deps
  const read = async <Body extends { split: string }>(c: Context, body: z.ZodType<Body>) => {
    await allow(c.req.raw, 'tools', 'read')
    const given = await readBody(c, body, deps)
    return { ...given, split: splitNamed(datasets, given.split) }
  }
  /** The tasks of many rows are sent while they are read. */
  const tasksOf = (c: Context, split: Split, { start, stop }: { readonly start: number; readonly stop: number }) => {
    async function* pieces(): AsyncGenerator<string, void, undefined> {
      let separator = '{"tasks":['
      try {
        for await (const { item } of split.rows(start, stop)) {
          yield `${separator}${taskJson(item, readItem)}`
          separator = ','
        }
        yield `${separator === ',' ? '' : separator}],"env_name":"${environmentName}"}`
      } catch (error) {
        // The list stays without its end, so that nobody takes it for whole. The responder writes the line in the log.
        if (error instanceof Error) respond(c, error, { isAnswered: true })
      }
    }
    return json(streamOf(pieces()))
  }
  return {
    async num_tasks(c) {
      const { split } = await read(c, ofSplit)
      return c.json({ num_tasks: split.count })
    },
    async task(c) {
      const { split, index } = await read(c, ofRow)
      const { item } = await rowAt(split, index)
      return json(`{"task":${taskJson(item, readItem)},"env_name":"${environmentName}"}`)
    },
    async tasks(c) {
      const { split } = await read(c, ofSplit)
      return tasksOf(c, split, { start: 0, stop: split.count })
    },
    async task_range(c) {
      const { split, start, stop } = await read(c, ofRange)
      return tasksOf(c, split, rangeOf(split.count, { start, stop }))
    },
  }
}

const json = (body: string | ReadableStream<Uint8Array>) =>
  new Response(body, { headers: { 'content-type': 'application/json' } })

/** Sends pieces of text as they are asked for, some together. */
function streamOf(pieces: AsyncGenerator<string, void, undefined>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      let text = ''
      while (text.length < 65_536) {
        const { done, value } = await pieces.next()
        if (done) break
        text += value
      }
      if (text === '') controller.close()
      else controller.enqueue(encoder.encode(text))
    },
    async cancel() {
      await pieces.return()
    },
  })
}
