// Integrations that were removed: what the console no longer offers for them. In a real browser,
// against a real service.

import { describe, expect, it } from 'vitest'
import { ADMIN_TOKEN, publish, register } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'
import { browserIsThere, useBrowser } from './browser.ts'

const database = useDatabase()
const service = useService('start', database)
const receiver = useReceiver()

describe.runIf(browserIsThere())('the console', () => {
  const open = useBrowser(service)
  const { on } = api(service)
  const start = (address: string) => open({ token: ADMIN_TOKEN, address })

  it('sends an event again to those alone that are there', async () => {
    await register(service.url, 'erp', receiver.url)
    await register(service.url, 'left', receiver.url)
    const { body } = await publish(service.url, { key: 'b', payload: '{}' })
    await until('both have it', () => receiver.received.length === 2)
    expect((await on('left', '', 'DELETE')).status).toBe(200)
    const page = await start(`#/events/${body.position}`)
    const rows = page.locator('.rows li')
    await rows.filter({ hasText: 'erp' }).getByRole('button', { name: 'Send again' }).waitFor()
    const left = rows.filter({ hasText: 'left' })
    await left.getByText('It is gone').waitFor()
    expect(await left.getByRole('button').count()).toBe(0)
  })
})
