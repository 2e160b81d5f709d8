// millrace changes: the changes of a configuration for people and for programs, over pages.

import { beforeAll, expect, it } from 'vitest'
import { useDatabase } from '../helpers/database.ts'
import { api, useService } from '../helpers/service.ts'
import { commandsOn, useHome } from './running.ts'

const database = useDatabase()
const service = useService('serve', database)
const { run } = commandsOn(service, useHome())
const { ask } = api(service)

beforeAll(async () => {
  for (let i = 1; i <= 103; i++) {
    const body = { schema: { title: `title ${i}` }, on_violation: 'warn' }
    const { status } = await ask('PUT', '/event-types/order.created', body)
    expect(status).toBe(200)
  }
  await ask('DELETE', '/event-types/order.created')
})

it('prints who, what and why, and each difference', async () => {
  const { status, stdout } = await run(['changes', '--limit', '2'])
  expect(status).toBe(0)
  const lines = stdout.split('\n')
  expect(lines[0]).toMatch(
    /^\S+Z {2}event_type order.created {2}event_type_removed \(version 104\) by admin token: /,
  )
  expect(lines).toContain('  - /on_violation: "warn"')
  expect(lines.at(-2)).toBe('  /schema/title: "title 102" -> "title 103"')
})

it('prints JSON, a change a line, as many as are asked for', async () => {
  const { stdout } = await run(['changes', '--kind', 'event_type', '--json', '--limit', '102'])
  const versions = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).version)
  expect(versions).toEqual(Array.from({ length: 102 }, (_, i) => 104 - i))
})

it('says so if there is none, and what is wrong with an option', async () => {
  const none = await run(['changes', '--id', 'nothing'])
  expect(none).toMatchObject({ status: 0, stdout: '', stderr: 'No change is like this.\n' })
  expect((await run(['changes', '--from', 'soon'])).status).toBe(2)
  expect((await run(['changes', '--kind', 'thing'])).stderr).toContain('kind must be one of')
})
