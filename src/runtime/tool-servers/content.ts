import type { CallToolResult } from '@modelcontextprotocol/client'

type Block = CallToolResult['content'][number]

/**
 * The text of a tool's result, which is all that a trajectory keeps: texts as they are, and a line in brackets for an image
 * or other data. A result without content is its structured content as JSON.
 */
export function textOfContent({
  content,
  structuredContent,
}: Pick<CallToolResult, 'content' | 'structuredContent'>): string {
  if (content.length === 0 && structuredContent !== undefined) return JSON.stringify(structuredContent)
  return content.map(textOf).join('\n')
}

function textOf(block: Block): string {
  switch (block.type) {
    case 'text':
      return block.text
    case 'resource':
      return 'text' in block.resource ? block.resource.text : `[resource ${block.resource.uri}]`
    case 'resource_link':
      return `[resource ${block.uri}: ${block.name}]`
    case 'image':
    case 'audio':
      return `[${block.type} ${block.mimeType}]`
  }
}
