// Names that pages list are those of the program: event types, alerts, codes of errors.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { STATUSES } from '../../src/errors.ts'
import { isAlert } from '../../src/log/alert.ts'
import { knownEventTypes } from '../../src/log/catalog.ts'
import { root } from './session.ts'

const read = (page: string) => readFileSync(path.join(root, 'docs', page), 'utf8')
const names = knownEventTypes.map(({ name }) => name)

it('publish.md lists the known event types', () => {
  const page = read('publish.md')
  const table = page.slice(page.indexOf('| entity | actions |')).split('\n\n')[0] as string
  const rows = table.split('\n').slice(2)
  const listed = rows.flatMap((row) => {
    const [entity, ...actions] = row.match(/`[^`]+`/g)?.map((name) => name.slice(1, -1)) ?? []
    return actions.map((action) => `${entity}.${action}`)
  })
  expect(listed.sort()).toEqual(names.filter((name) => !isAlert(name)).sort())
})

it('alerts.md lists the alerts', () => {
  const listed = [...read('alerts.md').matchAll(/^\| `(millrace\.\w+)` \|/gm)].map(
    ([, name]) => name,
  )
  expect(listed.sort()).toEqual(names.filter(isAlert).sort())
})

it('api.md lists the codes of errors with their statuses', () => {
  const rows = [...read('api.md').matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)]
  const listed = rows.map(([, code, status]) => [code, Number(status)])
  expect(Object.fromEntries(listed)).toEqual(STATUSES)
})
