// The pages of the audit and of the keys in a real browser, against a real service.

import { describe, expect, it } from 'vitest'
import { ADMIN_TOKEN, call, EVENTSTREAM, register } from '../../scripts/kit/client.ts'
import { API_KEYS, makeKey } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useService } from '../helpers/service.ts'
import { barriersOf, browserIsThere, useBrowser } from './browser.ts'

const database = useDatabase()
const service = useService('serve', database)
const HOSTILE = '<img src=x onerror=alert(1)>\u202E'

describe.runIf(browserIsThere())('the audit', () => {
  const open = useBrowser(service)
  const { ask } = api(service)
  const update = async (body: object) => {
    const { status } = await ask('PATCH', `${EVENTSTREAM}/erp`, body)
    expect(status).toBe(200)
  }

  it('shows who changed what, and how; a secret only as replaced', async () => {
    const callback_url = 'https://erp.example.com/'
    await register(service.url, 'erp', callback_url, {
      callback_parameters: { callback_url, api_key: 'a first secret' },
    })
    await ask('POST', `${EVENTSTREAM}/erp/_stop`)
    await update({ filter_conditions: { event_filter: ['order.created'] } })
    await update({ callback_parameters: { callback_url, api_key: 'a second secret' } })
    const { token } = await makeKey(service.url, { name: 'auditor', scopes: ['read'] })

    const page = await open({ token, address: '#/audit' })
    const rows = page.locator('.rows > li')
    await rows.first().waitFor()
    const texts = await rows.allInnerTexts()
    expect(texts.map((text) => text.replaceAll(/\s+/g, ' '))).toEqual([
      expect.stringMatching(/^created Key [0-9a-f]{12} \(auditor\)/),
      expect.stringMatching(/api_key: the secret was replaced/),
      expect.stringMatching(/\+ added: filter_conditions: \{"event_filter":\["order.created"\]\}/),
      expect.stringMatching(/^stopped Integration erp .*admin token/),
      expect.stringMatching(/^started Integration erp/),
    ])
    await page.getByLabel('Kind').selectOption('Key')
    await page.getByRole('button', { name: 'Show' }).click()
    await page.waitForURL(/kind=key/)
    await rows.first().waitFor()
    expect(await rows.count()).toBe(1)
    await page.getByLabel('Kind').selectOption('Integration')
    await page.getByLabel('Changed by').fill('nobody')
    await page.keyboard.press('Enter')
    await page.getByText('Nothing was changed like this').waitFor()
    expect(await page.content()).not.toContain('second secret')
  })

  it("shows an integration's own history, also of a version that has ended", async () => {
    const page = await open({ token: ADMIN_TOKEN, address: '#/integrations/erp' })
    await page.getByRole('link', { name: 'History' }).click()
    const rows = page.locator('.rows > li')
    await rows.first().waitFor()
    expect(await rows.count()).toBe(4)
    expect(await rows.first().innerText()).toContain('the secret was replaced')
  })

  it('shows how it was at a moment, and what is different now', async () => {
    await ask('DELETE', `${EVENTSTREAM}/erp`)
    await register(service.url, 'crm', 'https://crm.example.com/')
    const { body } = await call<{ changes: { changed_at: string; action: string }[] }>(
      `${service.url}/changes?id=erp&kind=integration`,
    )
    const stop = body.changes.find(({ action }) => action === 'integration_stopped')
    const moment = encodeURIComponent(String(stop?.changed_at))
    const page = await open({ token: ADMIN_TOKEN, address: `#/audit/as-of?moment=${moment}` })
    const different = page.getByRole('region', { name: 'Different now' }).locator('li')
    await different.filter({ hasText: 'removed Integration erp' }).waitFor()
    await different.filter({ hasText: 'added Integration crm' }).waitFor()
    const then = page.getByRole('region', { name: /^The configuration then/ })
    await then.getByText('Integration erp').first().waitFor()
    await then.getByText('Settings').first().click()
    await then.getByText('"callback_url": "https://erp.example.com/"').waitFor()
    expect(await then.innerText()).not.toContain('crm')
    expect(await barriersOf(page)).toEqual([])
    await page.getByRole('textbox', { name: 'Moment' }).fill('2020-01-01T00:00:00')
    await page.getByRole('button', { name: 'Show' }).click()
    await page.getByText('Nothing was configured then').waitFor()
  })

  it('shows names and values as text', async () => {
    await makeKey(service.url, { name: HOSTILE.slice(0, -1) })
    const registration = { schema: { title: HOSTILE }, on_violation: 'warn' }
    await ask('PUT', '/event-types/order.created', registration)
    const page = await open({ token: ADMIN_TOKEN, address: '#/audit' })
    await page.getByText('<img src=x onerror=alert(1)>U+202E').first().waitFor()
    await page.getByText('(<img src=x onerror=alert(1)>)').waitFor()
    await page.goto(`${service.url}/console#/keys`)
    await page.getByText('<img src=x onerror=alert(1)>').first().waitFor()
    expect(await page.locator('img').count()).toBe(0)
  })
})

describe.runIf(browserIsThere())('the keys', () => {
  const open = useBrowser(service)
  const list = async () =>
    (await call<{ api_keys: Record<string, unknown>[] }>(service.url + API_KEYS)).body.api_keys

  it('a new one is shown once, works, and is forgotten by the page', async () => {
    const page = await open({ token: ADMIN_TOKEN, address: '#/keys' })
    await page.getByLabel('Name').fill('shop')
    await page.getByRole('button', { name: 'Create' }).click()
    await page.getByText('Choose at least one thing').waitFor()
    await page.getByLabel(/publish:/).check()
    await page.getByText('Bind a publisher').click()
    await page.getByLabel('Events, separated').fill('order.*, invoice.created')
    await page.getByRole('button', { name: 'Create' }).click()
    const dialog = page.getByRole('dialog', { name: 'Create the key shop?' })
    await dialog.getByText('For dodici: publish.').waitFor()
    await dialog.getByRole('button', { name: 'Create' }).click()
    await dialog.getByText('is shown this once').waitFor()
    expect(await barriersOf(page)).toEqual([])
    const token = await dialog.getByRole('group', { name: 'Key' }).innerText()
    await dialog.getByRole('button', { name: 'Copy' }).waitFor()
    await dialog.getByRole('button', { name: 'Close' }).click()
    // A closed dialog has no role any more, before the page takes it away.
    await page.locator('dialog').waitFor({ state: 'detached' })
    expect(await page.content()).not.toContain(token)
    expect(await page.evaluate('JSON.stringify({ ...sessionStorage })')).not.toContain(token)

    const row = page.locator('.rows > li').first()
    await row.getByText('shop').first().waitFor()
    expect(await row.innerText()).toContain('events order.*, invoice.created')
    const [made] = await list()
    expect(made).toMatchObject({
      name: 'shop',
      tenants: ['dodici'],
      scopes: ['publish'],
      event_names: ['order.*', 'invoice.created'],
    })
    expect(token).toContain(made?.['id'])
  })

  it('says what is refused, and why', async () => {
    const { token } = await makeKey(service.url, { scopes: ['admin'], name: 'narrow' })
    const page = await open({ token, address: '#/keys' })
    await page.getByLabel('Name').fill('wide')
    await page.getByLabel('Tenants').fill('*')
    await page.getByLabel(/read:/).check()
    await page.getByRole('button', { name: 'Create' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click()
    await page.getByRole('dialog').getByRole('alert').getByText('tenants goes beyond').waitFor()
  })

  it('a new one may be for several tenants, with commas between them', async () => {
    const page = await open({ token: ADMIN_TOKEN, address: '#/keys' })
    await page.getByLabel('Name').fill('both shops')
    await page.getByLabel('Tenants').fill('dodici, acme,globex')
    await page.getByLabel(/read:/).check()
    await page.getByRole('button', { name: 'Create' }).click()
    const dialog = page.getByRole('dialog', { name: 'Create the key both shops?' })
    await dialog.getByText('For dodici, acme, globex: read.').waitFor()
  })

  it('a revocation asks, and says what it revokes too', async () => {
    const maker = await makeKey(service.url, { scopes: ['admin'], name: 'the maker' })
    const made = await makeKey(service.url, { name: 'the made one' }, maker.token)
    const page = await open({ token: ADMIN_TOKEN, address: '#/keys' })
    await page.getByRole('button', { name: 'Revoke the maker' }).click()
    const dialog = page.getByRole('dialog', { name: 'Revoke the key the maker?' })
    await dialog.getByText('those that they made: the made one.').waitFor()
    expect(await barriersOf(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    const statusOf = async (id: string) =>
      (await list()).find((key) => key['id'] === id)?.['status']
    expect(await statusOf(maker.id)).toBe('active')
    await page.getByRole('button', { name: 'Revoke the maker' }).click()
    await dialog.getByRole('button', { name: 'Revoke' }).click()
    await page.getByText('the maker is revoked.').waitFor()
    expect([await statusOf(maker.id), await statusOf(made.id)]).toEqual(['revoked', 'revoked'])
    await page.getByRole('button', { name: 'Revoke the made one' }).waitFor({ state: 'detached' })
  })

  it('without the right the page says so, and has no button', async () => {
    const { token } = await makeKey(service.url, { scopes: ['configure'], name: 'ops' })
    const page = await open({ token, address: '#/keys' })
    await page.getByText('needs a token with the scope admin').waitFor()
    expect(await page.locator('main button').count()).toBe(0)
    expect((await call(service.url + API_KEYS, { token })).status).toBe(403)
  })
})
