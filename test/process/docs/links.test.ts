import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const pages = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.md'),
)

/** The relative links of a page, without what follows a `#`. */
function linksOf(path: string): string[] {
  const links = [...readFileSync(join(root, path), 'utf8').matchAll(/\]\((?<link>[^)\s]+)\)/gu)]
  return links
    .map(({ groups }) => (groups?.['link'] ?? '').replace(/#.*$/u, ''))
    .filter((link) => link !== '' && !/^[a-z]+:/u.test(link))
}

describe.each(['README.md', ...pages.map((name) => `docs/${name}`)])('%s', (page) => {
  it('links to files that exist', () => {
    expect(linksOf(page).filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([])
  })
})

it('no page of docs/ links to what init deletes or replaces', () => {
  const links = pages.flatMap((name) => linksOf(`docs/${name}`).map((link) => `${name}: ${link}`))
  expect(links.filter((link) => /: (?:\.\.\/)+(example|starters|tools|graders|schema|demo)\//u.test(link))).toEqual([])
})
