// Registering integrations in the console, changing and removing them: in a real browser, against a
// real service.

import type { Locator } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { ADMIN_TOKEN, EVENTSTREAM, publish, register } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import { makeKey } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'
import { barriersOf, browserIsThere, enter, tabTo, useBrowser } from './browser.ts'

const database = useDatabase()
const service = useService('start', database)
const receiver = useReceiver()

describe.runIf(browserIsThere())('the console', () => {
  const open = useBrowser(service)
  const { on, patch } = api(service)
  const start = (address: string) => open({ token: ADMIN_TOKEN, address })

  it('registers a webhook by keyboard alone, with a preview of its filter', async () => {
    for (const key of ['a', 'b', 'c']) await publish(service.url, { key, payload: '{}' })
    await publish(service.url, { key: 'd', name: 'return.processed', payload: '{}' })
    const page = await start('')
    const { keyboard } = page
    await enter(page, 'New integration')
    await page.getByRole('heading', { name: 'New integration' }).waitFor()
    await tabTo(page, 'Id')
    await keyboard.type('erp-1')
    await tabTo(page, 'URL')
    await keyboard.type(receiver.url)
    await tabTo(page, 'API key of the receiver')
    await keyboard.type('sent-as-bearer')
    await tabTo(page, 'Everything, also what will be new')
    await keyboard.press('ArrowDown')
    await page.getByText('order (').waitFor()
    await enter(page, /^order \(/)
    await tabTo(page, 'order.created')
    await keyboard.press('Space')
    await tabTo(page, 'Headers, one a line')
    await keyboard.type('x-shop: 17')
    await enter(page, 'Make one')
    await enter(page, 'Preview the filter')
    await page.getByText('3 event(s) of the last 24 hours.').waitFor()
    expect(await page.getByRole('row', { name: /order\.created 3/ }).count()).toBe(1)
    expect(await barriersOf(page)).toEqual([])
    // Back to the button before it.
    await keyboard.press('Shift+Tab')
    await tabTo(page, 'Register', 'Shift+Tab')
    await keyboard.press('Enter')
    await page.getByText('erp-1 is registered, and runs.').waitFor()
    await page.getByText(/^whsec_/).waitFor()
    expect(await barriersOf(page)).toEqual([])
    const { body } = await on('erp-1')
    expect(body).toMatchObject({
      integration_type: 'permanent',
      callback_parameters: { callback_url: receiver.url },
      filter_conditions: { event_filter: ['order.created'], entity_filter: [] },
      delivery: { headers: ['x-shop'], is_signed: true },
    })
    await enter(page, 'Test')
    await page.getByRole('dialog').waitFor()
    await enter(page, 'Test')
    await page.getByRole('dialog').getByText('millrace-test: true').waitFor()
    const sent = receiver.received.at(-1)?.headers
    expect(sent).toMatchObject({ authorization: 'Bearer sent-as-bearer', 'x-shop': '17' })
    expect(sent).toHaveProperty('webhook-signature')
  })

  it("shows the service's reasons at the fields", async () => {
    const page = await start('#/new-integration')
    await page.getByLabel('Id', { exact: true }).fill('ERP 1')
    await page.getByLabel('URL').fill('ftp://example.com')
    await page.getByLabel('Headers').fill('host: a')
    await page.getByRole('button', { name: 'Register' }).click()
    await page.getByText('Not saved. The reasons stand at the fields.').waitFor()
    const id = page.getByLabel('Id', { exact: true })
    expect(await id.getAttribute('aria-invalid')).toBe('true')
    expect(await page.evaluate('document.activeElement.name')).toBe('id')
    await page.getByText('must be lower-case letters, digits and hyphens').waitFor()
    expect(await barriersOf(page)).toEqual([])
    await id.fill('erp-2')
    await page.getByRole('button', { name: 'Register' }).click()
    await page.getByText('is a header that Millrace sets').waitFor()
    expect(await page.getByLabel('URL').getAttribute('aria-invalid')).toBe('true')
    expect(await id.getAttribute('aria-invalid')).toBe(null)
    await page.getByLabel('Headers').fill('no header at all')
    await page.getByRole('button', { name: 'Register' }).click()
    await page.getByText('Not a header like x-shop: 17: no header at all').waitFor()
    // What belongs to no field stands above the buttons.
    await id.fill('erp-1')
    await page.getByLabel('URL').fill(receiver.url)
    await page.getByLabel('Headers').fill('')
    await page.getByRole('button', { name: 'Register' }).click()
    await page.getByRole('alert').getByText('erp-1').waitFor()
  })

  it('takes a reason away when its field changes, or when the preview takes the filter', async () => {
    const page = await start('#/new-integration')
    const id = page.getByLabel('Id', { exact: true })
    const names = page.getByLabel('Other names')
    const isWrong = (field: Locator) => field.getAttribute('aria-invalid')
    const faults = page.getByText('Not saved. The reasons stand at the fields.')
    await id.fill('ERP 1')
    await page.getByLabel('URL').fill(receiver.url)
    await page.getByLabel('Only these').check()
    await names.waitFor()
    await page.getByRole('button', { name: 'Register' }).click()
    await faults.waitFor()
    expect(await isWrong(id)).toBe('true')
    await id.fill('erp-2')
    expect(await isWrong(id)).toBe(null)
    expect(await page.evaluate('document.activeElement.name')).toBe('id')
    await faults.waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Register' }).click()
    await faults.waitFor()
    expect(await isWrong(names)).toBe('true')
    await page.getByText('order (').click()
    await page.getByLabel('order.created').check()
    await page.getByRole('button', { name: 'Preview the filter' }).click()
    await page.getByText('event(s) of the last 24 hours.').waitFor()
    expect(await isWrong(names)).toBe(null)
    await faults.waitFor({ state: 'detached' })
  })

  it('registers files in a bucket, and one for a period', async () => {
    const page = await start('#/new-integration')
    await page.getByLabel('Id', { exact: true }).fill('warehouse')
    await page.getByLabel('a bucket').check()
    await page.getByLabel('Bucket', { exact: true }).fill('company-events')
    await page.getByLabel('Region').fill('eu-central-1')
    await page.getByLabel('Access key', { exact: true }).fill('AKIAIOSFODNN7EXAMPLE')
    await page.getByLabel('Secret access key').fill('wJalrXUtnFEMI')
    await page.getByLabel('Compression').selectOption('gzip')
    await page.getByLabel('temporary').check()
    await page.getByLabel('From', { exact: true }).fill('2026-11-01T00:00:00')
    await page.getByLabel('To', { exact: true }).fill('2099-01-01T00:00:00')
    await page.getByRole('button', { name: 'Register' }).click()
    await page.getByText('warehouse is registered, and runs.').waitFor()
    const s3_parameters = { bucket: 'company-events', compression: 'gzip' }
    const { body } = await on('warehouse')
    expect(body).toMatchObject({ integration_type: 'temporary', s3_parameters })
    expect(Date.parse(String(body['ends_at']))).toBe(new Date(2099, 0, 1).getTime())
    await page.getByRole('link', { name: 'Open' }).click()
    await page.getByRole('link', { name: 'Change' }).click()
    await page.getByText('A temporary integration cannot be changed').waitFor()
  })

  it('changes one that is stopped, and says if somebody else has done so meanwhile', async () => {
    const page = await start('#/integrations/erp-1/edit')
    await page.getByText('It runs. Stop it to change it').waitFor()
    await page.locator('#edit ~ p').getByRole('button', { name: 'Stop' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click()
    const inFlight = page.getByLabel('Events at once')
    await inFlight.fill('1')
    await page.getByText('return (').click()
    await page.getByLabel('all of return').check()
    const other = await patch('erp-1', { delivery: { timeout_ms: 5_000 } })
    expect(other.status).toBe(200)
    await page.getByRole('button', { name: 'Save' }).click()
    const conflict = page.getByRole('group', { name: 'Somebody else has changed this' })
    await conflict.getByText('delivery.timeout_ms').waitFor()
    await conflict.getByText('– → 5000').waitFor()
    expect(await barriersOf(page)).toEqual([])
    expect(await inFlight.inputValue()).toBe('1')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('erp-1 is changed.').waitFor()
    const { body } = await on('erp-1')
    // Its secrets stay, and so does what the other one has set.
    expect(body).toMatchObject({
      filter_conditions: { event_filter: ['order.created'], entity_filter: ['return'] },
      delivery: { max_in_flight: 1, timeout_ms: 5_000, headers: ['x-shop'], is_signed: true },
    })
    expect(await page.getByLabel('Time for an answer').inputValue()).toBe('5000')
    // What is left empty is taken away.
    await page.getByLabel('Time for an answer').fill('')
    await page.getByLabel('Everything, also what will be new').check()
    await page.getByRole('button', { name: 'Save' }).click()
    await until('it is taken away', async () => !(await on('erp-1')).body['filter_conditions'])
    expect((await on('erp-1')).body['delivery']).not.toHaveProperty('timeout_ms')
  })

  it('asks for secrets anew at another origin, and takes them away', async () => {
    const page = await start('#/integrations/erp-1/edit')
    await page.getByLabel('URL').fill(receiver.url.replace('127.0.0.1', 'localhost'))
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Not saved.').waitFor()
    const key = page.getByLabel('API key of the receiver')
    expect(await key.getAttribute('aria-invalid')).toBe('true')
    await page.getByLabel('Send no API key any more').check()
    await page.getByLabel('Send none of these headers any more').check()
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('erp-1 is changed.').waitFor()
    expect((await on('erp-1')).body['delivery']).toMatchObject({ headers: [] })
  })

  it('makes a new signing secret, and removes an integration, after it has asked', async () => {
    const page = await start('#/integrations/erp-1/edit')
    const dialog = page.getByRole('dialog')
    await page.getByRole('button', { name: 'Make a new secret' }).click()
    await dialog.getByText('The old one, if there is one, also signs for a day').waitFor()
    await dialog.getByRole('button', { name: 'Make a new secret' }).click()
    await dialog.getByText(/^whsec_/).waitFor()
    await dialog.getByText(/The old one signs until/).waitFor()
    await dialog.getByRole('button', { name: 'Close' }).click()
    await page.getByRole('button', { name: 'Remove' }).click()
    await dialog.getByText('Nothing is sent to its target any more').waitFor()
    await dialog.getByRole('button', { name: 'Remove' }).click()
    await page.getByText('erp-1 is removed.').waitFor()
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    expect((await on('erp-1')).status).toBe(404)
  })

  it('offers a reader none of it, and the service refuses it too', async () => {
    await register(service.url, 'crm', receiver.url)
    const { token } = await makeKey(service.url, { tenants: ['dodici'], scopes: ['read'] })
    const page = await open({ token, address: '#/integrations/crm' })
    await page.getByRole('link', { name: 'Replays' }).waitFor()
    expect(await page.getByRole('link', { name: 'Change' }).count()).toBe(0)
    for (const address of ['#/integrations/crm/edit', '#/new-integration']) {
      await page.goto(`${service.url}/console${address}`)
      await page.getByText('that takes the scope configure').waitFor()
      expect(await page.locator('main').getByRole('button').count()).toBe(0)
    }
    await page.goto(`${service.url}/console#/`)
    await page.getByRole('row', { name: /crm/ }).waitFor()
    expect(await page.getByRole('link', { name: 'New integration' }).count()).toBe(0)
    const refused = await page.evaluate(
      `fetch('${service.url}${EVENTSTREAM}', { method: 'POST', body: '{}', headers: {
        authorization: 'Bearer ${token}', tenant: 'dodici' } }).then(({ status }) => status)`,
    )
    expect(refused).toBe(403)
  })

  it('shows names of events as text, whatever they are in the answer', async () => {
    const page = await start('')
    const markup = '<img src=x onerror=alert(1)>.created'
    await page.route('**/event-types?*', (route) =>
      route.fulfill({ json: { event_types: [{ name: markup, entity: '<img src=x>' }] } }),
    )
    await page.goto(`${service.url}/console#/new-integration`)
    await page.getByLabel('Only these').check()
    await page.getByText('<img src=x> (1)').click()
    await page.getByLabel(markup).waitFor()
    expect(await page.locator('main img').count()).toBe(0)
  })
})
