// What operate.md says of settings: each is there, with its default.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { root } from './session.ts'

const read = (file: string) => readFileSync(path.join(root, file), 'utf8')
const page = read('docs/operate.md')
const schemas = read('src/config.ts') + read('src/token-settings.ts')
const settings = [...schemas.matchAll(/^ {2}([A-Z][A-Z0-9_]+): /gm)].map(
  ([, name]) => name as string,
)

describe('the settings', () => {
  const rows = page.split('\n').filter((line) => /^\| `[A-Z]/.test(line))
  const rowOf = (name: string) => rows.find((row) => row.split(' | ')[0]?.includes(`\`${name}\``))

  it('are all there', () => {
    expect(settings.length).toBeGreaterThan(25)
    expect(settings.filter((name) => !rowOf(name))).toEqual([])
  })
  it('have the defaults of the program', () => {
    // The data directory is made absolute.
    const { MILLRACE_DATA_DIR: _, ...defaults } = readConfig({})
    const wrong = Object.entries(defaults).filter(
      ([name, value]) => !rowOf(name)?.split(' | ')[1]?.includes(`\`${value}\``),
    )
    expect(wrong).toEqual([])
  })
  it('are settings, on every page', () => {
    const pages = ['README.md', 'SECURITY.md', 'CHANGELOG.md']
    const named = [page, ...pages.map(read)].flatMap((text) => text.match(/MILLRACE_[A-Z0-9_]+/g))
    const unknown = named.filter(
      (name) => name && !name.endsWith('_') && !settings.includes(name.replace(/_FILE$/, '')),
    )
    expect(unknown).toEqual([])
  })
})
