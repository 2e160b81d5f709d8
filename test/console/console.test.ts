// The console in a real browser, against a real service: what people do with it, from end to end.

import { describe, expect, it } from 'vitest'
import { BROKEN } from '../../scripts/console/stage.ts'
import { ADMIN_TOKEN, EVENTSTREAM, publish, register } from '../../scripts/kit/client.ts'
import { ok, payloadOf, status } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { makeKey } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'
import { browserIsThere, useBrowser } from './browser.ts'

const database = useDatabase()
const service = useService('start', database)
const receiver = useReceiver()

describe.runIf(browserIsThere())('the console', () => {
  const open = useBrowser(service)
  const { ask, on } = api(service)
  /** A header as its bytes in UTF-8. */
  const inBytes = (text: string) => Buffer.from(text).toString('latin1')
  const order = (id: string, payload = `{"id":"${id}","total":25.080}`) =>
    publish(service.url, {
      entityId: inBytes(id),
      key: inBytes(`created-${id}`),
      payload,
      headers: { 'correlation-ids': inBytes(JSON.stringify({ order_id: id })) },
    })

  it('takes a token that the service knows, and keeps it for the tab', async () => {
    const page = await open()
    await page.getByLabel('Token').fill('not-a-token')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText('does not know this token').waitFor()
    const { token } = await makeKey(service.url, { tenants: ['dodici'], scopes: ['read'] })
    await page.getByLabel('Token').fill(token)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    await page.getByText('No integration yet').waitFor()
    await page.reload()
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('Token').waitFor()
    expect(await page.evaluate('sessionStorage.length')).toBe(0)
  })

  it('shows a broken receiver, tests it, skips its event, and sees it heal', async () => {
    receiver.answer = status(500, { 'content-type': 'text/plain' }, BROKEN)
    await register(service.url, 'erp-1', receiver.url)
    const page = await open({ token: ADMIN_TOKEN })
    await page.getByText('Every integration keeps up').waitFor()
    await order('4711')
    const trouble = page.locator('.attention li')
    await trouble.getByText(/erp-1 waits since .* for order\.created of 4711/).waitFor()
    await trouble.getByText('NullPointerException').waitFor()

    await trouble.getByRole('button', { name: 'Test' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Test' }).click()
    await dialog.getByText(BROKEN).waitFor()
    await dialog.getByText('millrace-test: true').waitFor()
    await page.keyboard.press('Escape')

    await trouble.getByRole('button', { name: 'Skip' }).click()
    await dialog.getByLabel('Reason').fill('Booked by hand.')
    await dialog.getByRole('button', { name: 'Skip' }).click()
    await page.getByText('Skipped. erp-1 goes on.').waitFor()
    receiver.answer = ok
    await page.getByText('Every integration keeps up').waitFor()

    // The skipped event is kept, with its bytes, and goes out after all.
    await page
      .getByRole('row', { name: /erp-1/ })
      .getByRole('link', { name: /Rejected/ })
      .click()
    await page.getByRole('button', { name: 'Payload' }).click()
    await page.getByText('"total": 25.080').waitFor()
    receiver.received.length = 0
    await page.getByRole('button', { name: 'Send again' }).first().click()
    await page.getByText('order.created was accepted.').waitFor()
    expect(receiver.received.map((one) => String(payloadOf(one)))).toEqual([
      '{"id":"4711","total":25.080}',
    ])
    await page.getByText(/^None\. An event that the target answers/).waitFor()
    await page.getByRole('link', { name: 'Log' }).click()
    await page.getByText('Booked by hand.').waitFor()
  })

  it('stops and starts, and says first what that does', async () => {
    const page = await open({ token: ADMIN_TOKEN, address: '#/integrations/erp-1' })
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByRole('dialog').getByText('Nothing is sent to its target').waitFor()
    await page.getByRole('button', { name: 'Cancel' }).click()
    expect((await on('erp-1')).body['status']).toBe('running')
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click()
    await page.getByText('erp-1 is stopped.').waitFor()
    await page.getByRole('button', { name: 'Start' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Start' }).click()
    await page.getByText('erp-1 is started.').waitFor()
    expect((await on('erp-1')).body['status']).toBe('running')
  })

  it('counts a replay before it starts, and shows it to its end', async () => {
    const page = await open({ token: ADMIN_TOKEN, address: '#/integrations/erp-1/replays' })
    await page.getByText('None in the last 30 days').waitFor()
    await order('4712')
    await until('4712 has come', () => receiver.received.some(({ body }) => body.includes('4712')))
    // To the second: the end of the period is the next one.
    await page.getByLabel('To', { exact: true }).fill('2099-01-01T00:00:00')
    await page.getByRole('button', { name: 'Count' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('2 event(s) published from').waitFor()
    await dialog.getByRole('button', { name: 'Start the replay' }).click()
    await page.getByText('Replay 1 has started').waitFor()
    await page.locator('.rows li').getByText('completed').waitFor()
    await page.getByText('2 of 2').waitFor()
  })

  it('traces an order over all integrations, from what was pasted', async () => {
    const page = await open({ token: ADMIN_TOKEN, address: '#/events' })
    const search = async (text: string) => {
      await page.getByRole('searchbox').fill(text)
      await page.keyboard.press('Enter')
    }
    await search('"order_id": "4711"')
    await page.getByText('order 4711', { exact: true }).waitFor()
    const row = page.getByRole('row', { name: /order\.created/ })
    await row.getByText('delivered').waitFor({ state: 'attached' })
    await row.getByRole('link').click()
    await page.getByRole('heading', { name: 'Deliveries' }).waitFor()
    await page.getByText('"total": 25.080').waitFor()
    await page.getByRole('button', { name: 'Send again' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Send again' }).click()
    await page.getByText('erp-1 has accepted it.').waitFor()
    const { body } = await ask('GET', '/events?order_id=4711')
    const { position } = (body['events'] as { position: number }[])[0] as { position: number }
    const toEvents = async () => {
      await page.getByRole('link', { name: 'Events', exact: true }).click()
      await page.getByRole('heading', { name: 'Events', level: 1 }).waitFor()
      // It gets the focus a frame later: Enter would go there.
      await page.locator('h1:focus').waitFor()
    }
    await toEvents()
    await search(`msg_dodici_${position}`)
    await page.getByRole('heading', { name: `Event ${position}` }).waitFor()
    // The same position in the log of another tenant is another event.
    await toEvents()
    await search(`msg_acme_${position}`)
    await page.getByRole('alert').getByText('is an event of the tenant acme').waitFor()
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('Events')
    expect(await page.locator('.feed li').count()).toBe(0)
  })

  it('shows the tenant that it acts on, also after a text that is no tenant', async () => {
    const page = await open({ token: ADMIN_TOKEN, address: '#/integrations/erp-1/log' })
    const field = page.getByLabel('Tenant')
    for (const text of ['no tenant!', '']) {
      await field.fill(text)
      await field.press('Enter')
      await until('it is back', async () => (await field.inputValue()) === 'dodici')
    }
    await page.getByText('no tenant! cannot be a tenant').waitFor()
    await page.getByRole('heading', { name: 'erp-1', level: 1 }).waitFor()
    await field.fill(' acme ')
    await field.press('Enter')
    await page.getByText('No integration yet').waitFor()
    expect(await field.inputValue()).toBe('acme')
  })

  it('shows what is hostile as text', async () => {
    const markup = '<img src=x onerror="document.title=\'owned\'"><script>document.title=1</script>'
    receiver.answer = status(400, { 'content-type': 'text/html' }, markup)
    const id = `${markup}\u202egnp.exe`
    await order(id, JSON.stringify({ markup, id }))
    await until('it is rejected', async () => {
      const { body } = await on('erp-1', '/rejected_events')
      return (body['rejected_events'] as object[]).length === 1
    })
    receiver.answer = ok
    const page = await open({ token: ADMIN_TOKEN, address: '#/integrations/erp-1/rejected' })
    await page.getByText('<script>').first().waitFor()
    await page.getByRole('button', { name: 'Payload' }).click()
    await page.getByText('"markup"').waitFor()
    await page.getByRole('link', { name: 'order.created' }).click()
    await page.getByRole('heading', { name: 'As published' }).waitFor()
    await page.getByRole('term').getByText('Entity').waitFor()
    // A character that turns the direction around is shown by its number.
    expect(await page.locator('dd').allInnerTexts()).toContain(`${markup}U+202Egnp.exe`)
    expect(await page.locator('main img, main script').count()).toBe(0)
    expect(await page.title()).toContain('Millrace')
  })

  it('offers nothing that the token may not do, and the service refuses it too', async () => {
    const { token } = await makeKey(service.url, { tenants: ['dodici'], scopes: ['read'] })
    const page = await open({ token, address: '#/integrations/erp-1/rejected' })
    await page.getByRole('button', { name: 'Payload' }).waitFor()
    const names = await page.getByRole('button').allInnerTexts()
    expect(names.filter((name) => !/Sign out|Payload/.test(name))).toEqual([])
    const refused = await page.evaluate(
      `fetch('${service.url}${EVENTSTREAM}/erp-1/_stop', { method: 'POST', headers: {
        authorization: 'Bearer ${token}', tenant: 'dodici' } }).then(({ status }) => status)`,
    )
    expect(refused).toBe(403)
  })

  it('says that the service is away, and heals when it is back', async () => {
    const page = await open({ token: ADMIN_TOKEN })
    await page.getByText('Every integration keeps up').waitFor()
    await page.route('**/*', (route) => route.abort())
    await page.getByText('The service does not answer').waitFor()
    await page.unroute('**/*')
    await page.getByText('The service does not answer').waitFor({ state: 'detached' })
    await order('4799')
    await page.getByRole('listitem').getByText('4799').waitFor()
  })

  it('goes back to signing in when the token has ended', async () => {
    const key = await makeKey(service.url, { tenants: ['dodici'], scopes: ['read'] })
    const page = await open({ token: key.token })
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    await ask('DELETE', `/api/v1/api-keys/${key.id}`)
    await page.getByText('not valid any more. Sign in again.').waitFor()
  })
})
