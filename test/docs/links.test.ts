// No dead link: between pages, to headings, to files of this repository that a page or a message of
// the program names.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from './session.ts'

const PAGES = [
  ...['README.md', 'SECURITY.md', 'CHANGELOG.md', 'CONTRIBUTING.md'],
  ...['scripts/fuzz/README.md', 'scripts/torture/README.md'],
  ...readdirSync(path.join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]
const read = (file: string) => readFileSync(path.join(root, file), 'utf8')
const withoutCode = (text: string) => text.replace(/^( *)```[\s\S]*?^ *```$/gm, '')

/** As GitHub makes anchors of headings. */
function anchorsOf(text: string): string[] {
  const headings = withoutCode(text).match(/^#+ .*$/gm) ?? []
  return headings.map((heading) =>
    heading
      .replace(/^#+ /, '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** Links of a page that lead nowhere. */
function deadLinks(page: string): string[] {
  const links = [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(
    ([, to]) => to as string,
  )
  return links.filter((link) => {
    if (/^https?:/.test(link)) return false
    const [file = '', anchor] = link.split('#')
    const target = file ? path.posix.join(path.posix.dirname(page), file) : page
    if (!existsSync(path.join(root, target))) return true
    return anchor !== undefined && !anchorsOf(read(target)).includes(anchor)
  })
}

describe.each(PAGES)('%s', (page) => {
  it('has no dead link', () => expect(deadLinks(page)).toEqual([]))

  it('names files that are there', () => {
    const named = read(page).match(/`(?:src|sql|scripts|test|docs)\/[\w./-]+`/g) ?? []
    const missing = named
      .map((name) => name.slice(1, -1))
      // Names of what a reader is to write.
      .filter((name) => !/NNNN|NAME/.test(name) && !existsSync(path.join(root, name)))
    expect(missing).toEqual([])
  })
})

describe('README.md', () => {
  it('has at most 200 lines', () => {
    expect(read('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(200)
  })
  it('leads to every page', () => {
    const pages = PAGES.filter((page) => page.startsWith('docs/'))
    expect(pages.filter((page) => !read('README.md').includes(`](${page})`))).toEqual([])
  })
})

it('each page of docs/ says first for whom it is', () => {
  const pages = PAGES.filter((page) => page.startsWith('docs/'))
  expect(pages.filter((page) => !/^# .+\n\nFor .+/.test(read(page)))).toEqual([])
})

it('headings that files name are there', async () => {
  const faults: string[] = []
  const files = glob(['{src,scripts,sql}/**/*.{ts,sql}', 'docker-compose.yml', 'Dockerfile'], {
    cwd: root,
  })
  let found = 0
  for await (const file of files) {
    for (const [, page, heading] of read(file).matchAll(/(docs\/\w+\.md), "([^"]+)"/g)) {
      found++
      const anchor = (heading as string).toLowerCase().replaceAll(' ', '-')
      if (!anchorsOf(read(page as string)).includes(anchor)) faults.push(`${file}: ${heading}`)
    }
    if (/\bREADME\b(?!\.md\))/.test(read(file)) && file.startsWith('src/')) {
      faults.push(`${file} refers to README`)
    }
  }
  expect(faults).toEqual([])
  expect(found).toBeGreaterThan(2)
})

describe('troubleshoot.md', () => {
  it('quotes messages that the program has', async () => {
    let source = ''
    // A message may be broken into strings.
    for await (const file of glob('{src/**/*.ts,sql/functions/*.sql}', { cwd: root }))
      source += read(file).replaceAll(/'( \+)?\n\s*'/g, '')
    const spans = withoutCode(read('docs/troubleshoot.md')).match(/`[^`\n]+`/g) ?? []
    const messages = spans
      .map((span) => span.slice(1, -1))
      .filter((text) => / /.test(text) && !/^(millrace (sql|work)|GET|curl|"status")/.test(text))
    const missing = messages.filter((message) => {
      const parts = message.split(/…|\d+/).map((part) => part.trim())
      return parts.some((part) => !source.includes(part))
    })
    expect(messages.length).toBeGreaterThan(10)
    expect(missing).toEqual([])
  })
})
