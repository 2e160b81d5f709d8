// The console about streams in rare states: a filter without events, a stopped stream, no room for
// rejected events. In a real browser, against a real service.

import { describe, expect, it } from 'vitest'
import { ADMIN_TOKEN, publish, register } from '../../scripts/kit/client.ts'
import { ok, status } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { limits } from '../../src/config.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'
import { barriersOf, browserIsThere, useBrowser } from './browser.ts'

const database = useDatabase()
const service = useService('start', database)
const receiver = useReceiver()

type Health = { state: string; position: number | null; passed_over: number | null }

describe.runIf(browserIsThere())('the console', () => {
  const open = useBrowser(service)
  const { on } = api(service)
  const start = (address: string) => open({ token: ADMIN_TOKEN, address })
  const order = (id: string) =>
    publish(service.url, { entityId: id, key: `created-${id}`, payload: `{"id":"${id}"}` })
  const healthOf = async (id: string) => (await on(id)).body['health'] as Health

  it('marks a filter that has taken nothing, and says what to do', async () => {
    await register(service.url, 'returns', receiver.url, {
      filter_conditions: { event_filter: ['retrun.processed'] },
    })
    await order('1')
    await until('it has passed over the event', async () => (await healthOf('returns')).passed_over)
    const page = await start('')
    const row = page.getByRole('row', { name: /returns/ })
    await row.getByText('keeps up').waitFor()
    await row.getByText('takes nothing').waitFor()
    // It needs nobody at once.
    await page.getByText('Every integration keeps up').waitFor()
    await row.getByRole('link', { name: 'returns' }).click()
    await page.getByText('takes nothing').waitFor()
    await page.getByText('check the filter if you expect some').waitFor()
    expect(await page.locator('.problem').count()).toBe(0)
    expect(await barriersOf(page)).toEqual([])
    await on('returns', '', 'DELETE')
  })

  it('says that a stopped one stays stopped after a skip', async () => {
    receiver.answer = status(500)
    await register(service.url, 'erp', receiver.url)
    await order('2')
    await until('it fails', async () => (await healthOf('erp')).state === 'failing')
    await on('erp', '/_stop', 'POST')
    const page = await start('#/integrations/erp')
    await page.getByRole('button', { name: 'Skip' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('erp stays stopped').waitFor()
    await dialog.getByLabel('Reason').fill('Booked by hand.')
    await dialog.getByRole('button', { name: 'Skip' }).click()
    await page.getByText('Skipped. erp stays stopped.').waitFor()
    expect((await on('erp')).body['status']).toBe('stopped')
    receiver.answer = ok
  })

  it('says that a replay waits for its integration, or for another replay', async () => {
    const page = await start('#/integrations/erp/replays')
    const replay = async () => {
      await page.getByLabel('To', { exact: true }).fill('2099-01-01T00:00:00')
      await page.getByLabel('At most per second').fill('1')
      await page.getByRole('button', { name: 'Count' }).click()
      await page.getByRole('button', { name: 'Start the replay' }).click()
    }
    await replay()
    await page.getByText(/^Replay 1 waits: erp is stopped/).waitFor()
    receiver.answer = status(500)
    expect((await on('erp', '/_start', 'POST')).status).toBe(200)
    await replay()
    await page.getByText(/^Replay 2 waits for another replay of erp/).waitFor()
    receiver.answer = ok
    await on('erp', '', 'DELETE')
  })

  it('shows the way to the rejected events if there is no room for another', async () => {
    receiver.answer = status(400)
    await register(service.url, 'picky', receiver.url)
    for (let i = 0; i < limits.rejectedEvents; i++) await order(`r-${i}`)
    await until('it is stopped', async () => (await on('picky')).body['status'] === 'stopped')
    const page = await start('')
    const trouble = page.locator('.attention li')
    await trouble.getByText('30 rejected events are kept').waitFor()
    await trouble.getByRole('button', { name: 'Test' }).waitFor()
    expect(await trouble.getByRole('button', { name: /Start|Skip/ }).count()).toBe(0)
    expect(await barriersOf(page)).toEqual([])
    await trouble.getByRole('link', { name: 'Rejected events' }).click()
    await page
      .getByRole('button', { name: /^Delete order/ })
      .first()
      .click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    // There is room for one.
    await page.getByRole('button', { name: 'Start' }).waitFor()
    expect(await page.getByText('30 rejected events are kept').count()).toBe(0)
  })
})
