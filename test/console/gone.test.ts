// Integrations that were removed, or have completed: what the console still shows of them, and what
// it no longer offers. In a real browser, against a real service.

import { describe, expect, it } from 'vitest'
import { ADMIN_TOKEN, publish, register } from '../../scripts/kit/client.ts'
import { ok, status } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'
import { barriersOf, browserIsThere, useBrowser } from './browser.ts'

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

  it('shows the log and the rejected events of one that was removed', async () => {
    receiver.answer = status(400)
    await register(service.url, 'old', receiver.url)
    await publish(service.url, { key: 'a', payload: '{"id":"a"}' })
    await until('it keeps the event', async () => {
      const { body } = await on('old', '/rejected_events')
      return (body['rejected_events'] as object[]).length === 1
    })
    receiver.answer = ok
    const page = await start('#/integrations/old/log')
    await page.getByRole('button', { name: 'Stop' }).waitFor()
    expect((await on('old', '', 'DELETE')).status).toBe(200)
    // The page that is open notices.
    await page.getByText('old was removed.').waitFor()
    await page.locator('.rows').getByText('deleted', { exact: true }).waitFor()
    expect(await barriersOf(page)).toEqual([])
    await page.getByRole('link', { name: 'Rejected events' }).click()
    await page.getByRole('button', { name: /^Payload/ }).click()
    await page.getByText('"id": "a"').waitFor()
    expect(await page.getByRole('button', { name: /Send|Stop|Start|Test/ }).count()).toBe(0)
    await page.getByRole('button', { name: /^Delete order/ }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.getByText('Deleted: 1.').waitFor()
    for (const tab of ['Now', 'History', 'Undelivered', 'Replays']) {
      await page.getByRole('link', { name: tab, exact: true }).click()
      await page.getByRole('heading', { name: tab, exact: true }).waitFor()
      await page.getByText('Loading …').first().waitFor({ state: 'detached' })
      expect(await page.getByText('That did not work').count(), tab).toBe(0)
      expect(await barriersOf(page)).toEqual([])
    }
    expect(await page.getByRole('link', { name: /Change|Files/ }).count()).toBe(0)
    expect(await page.getByRole('button', { name: 'Count' }).count()).toBe(0)
  })

  it('opens one that has completed by the time that it is registered', async () => {
    const page = await start('#/new-integration')
    await page.getByLabel('Id', { exact: true }).fill('november')
    await page.getByLabel('URL').fill(receiver.url)
    await page.getByLabel('temporary').check()
    await page.getByLabel('From', { exact: true }).fill('2026-11-01T00:00:00')
    await page.getByLabel('To', { exact: true }).fill('2026-11-02T00:00:00')
    await page.getByRole('button', { name: 'Register' }).click()
    await page.getByText('november is registered').waitFor()
    await until('it has completed', async () => (await on('november')).status === 404)
    await page.getByRole('link', { name: 'Open' }).click()
    await page.getByText('november has completed.').waitFor()
    await page.getByRole('heading', { name: 'november', level: 1 }).waitFor()
  })

  it('says of one that never was that there is none', async () => {
    const page = await start('#/integrations/never/log')
    await page.getByText('There is no integration "never"').waitFor()
    expect(await page.getByRole('link', { name: 'Log' }).count()).toBe(0)
  })
})
