// The known event types as publish.md lists them are those of the program.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { knownEventTypes } from '../../src/log/catalog.ts'
import { root } from './session.ts'

it('publish.md lists the known event types', () => {
  const page = readFileSync(path.join(root, 'docs/publish.md'), 'utf8')
  const table = page.slice(page.indexOf('| entity | actions |')).split('\n\n')[0] as string
  const rows = table.split('\n').slice(2)
  const listed = rows.flatMap((row) => {
    const [entity, ...actions] = row.match(/`[^`]+`/g)?.map((name) => name.slice(1, -1)) ?? []
    return actions.map((action) => `${entity}.${action}`)
  })
  expect(listed.sort()).toEqual(knownEventTypes.map(({ name }) => name).sort())
})
