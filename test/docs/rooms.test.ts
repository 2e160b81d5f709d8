// The rooms of src as the architecture page lists them are those that there are.

import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { root } from './session.ts'

it('architecture.md lists the folders of src', () => {
  const page = readFileSync(path.join(root, 'docs/architecture.md'), 'utf8')
  const [, section = ''] = page.split('\n## The rooms\n')
  const [table = ''] = section.split('\n## ')
  const listed = [...table.matchAll(/^\| `([\w-]+)\/`/gm)].map(([, folder]) => folder)
  const entries = readdirSync(path.join(root, 'src'), { withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  expect(listed.sort()).toEqual(folders.sort())
})
