// Event types in the console: schemas that are registered, refused and deleted, in a real browser.

import { describe, expect, it } from 'vitest'
import { ADMIN_TOKEN, publish } from '../../scripts/kit/client.ts'
import { makeKey } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useService } from '../helpers/service.ts'
import { barriersOf, browserIsThere, useBrowser } from './browser.ts'

const database = useDatabase()
const service = useService('start', database)
const MARKUP = '<img src=x onerror="document.title=1">'

describe.runIf(browserIsThere())('the console', () => {
  const open = useBrowser(service)
  const { ask } = api(service)
  const sell = (key: string, payload: string) =>
    publish(service.url, { key, name: 'gift_card.sold', payload })

  it('registers a schema, with its faults at the field', async () => {
    const page = await open({ token: ADMIN_TOKEN, address: '#/event-types' })
    await page.getByRole('row', { name: /order\.shipped.*deprecated/ }).waitFor()
    await page.getByLabel('Name').fill('gift_card.sold')
    await page.getByRole('button', { name: 'To its schema' }).click()
    await page.getByRole('heading', { name: 'gift_card.sold' }).waitFor()
    await page.getByText('No schema is registered').waitFor()
    const schema = page.getByLabel('JSON Schema of the payload')
    await schema.fill('{"type": ')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText(/^is no JSON: /).waitFor()
    await schema.fill('{"type": "object", "requird": ["id"]}')
    await page.getByRole('button', { name: 'Save' }).click()
    await page
      .getByText(/requird/)
      .first()
      .waitFor()
    expect(await schema.getAttribute('aria-invalid')).toBe('true')
    expect(await barriersOf(page)).toEqual([])
    await schema.fill('{"type": "object", "required": ["id"]}')
    await page.getByLabel('An event that breaks it').selectOption('reject')
    await page.getByLabel('Description').fill(MARKUP)
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('gift_card.sold is saved.').waitFor()
    expect((await ask('GET', '/event-types/gift_card.sold')).body).toMatchObject({
      on_violation: 'reject',
      schema: { type: 'object', required: ['id'] },
    })
    expect((await sell('a', '{}')).status).toBe(400)
    expect((await sell('b', '{"id":"G1"}')).status).toBe(201)
  })

  it('lists it, with its text as text, and leads to its events', async () => {
    const page = await open({ token: ADMIN_TOKEN, address: '#/event-types' })
    const row = page.getByRole('row', { name: /gift_card\.sold/ })
    await row.getByText('violations are refused').waitFor()
    await row.getByText(MARKUP).waitFor()
    expect(await page.locator('main img').count()).toBe(0)
    await row.getByRole('link').click()
    await page.getByRole('link', { name: 'Its events in the log' }).click()
    await page.getByRole('listitem').getByText('gift_card.sold').waitFor()
  })

  it('does not overwrite what somebody else has changed, unless asked to', async () => {
    const page = await open({ token: ADMIN_TOKEN, address: '#/event-types/gift_card.sold' })
    const schema = page.getByLabel('JSON Schema of the payload')
    await schema.fill('{"type": "object", "required": ["id", "value"]}')
    const theirs = { schema: { type: 'object', required: ['code'] }, on_violation: 'warn' }
    expect((await ask('PUT', '/event-types/gift_card.sold', theirs)).status).toBe(200)
    await page.getByRole('button', { name: 'Save' }).click()
    const conflict = page.getByRole('group', { name: 'Somebody else has changed this' })
    await conflict.getByText('reject → warn').waitFor()
    await conflict.getByRole('button', { name: 'Drop my entries' }).click()
    await conflict.waitFor({ state: 'detached' })
    expect(await schema.inputValue()).toContain('"code"')
  })

  it('deletes it, after it has asked', async () => {
    const page = await open({ token: ADMIN_TOKEN, address: '#/event-types/gift_card.sold' })
    await page.getByRole('button', { name: 'Delete the schema' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('Its events are not checked any more').waitFor()
    await dialog.getByRole('button', { name: 'Delete the schema' }).click()
    await page.getByText('No schema is registered').waitFor()
    expect((await sell('c', '{}')).status).toBe(201)
  })

  it('shows a reader the schema alone', async () => {
    const document = { schema: { type: 'object', maxProperties: 7 }, on_violation: 'warn' }
    await ask('PUT', '/event-types/gift_card.sold', document)
    const { token } = await makeKey(service.url, { tenants: ['dodici'], scopes: ['read'] })
    const page = await open({ token, address: '#/event-types/gift_card.sold' })
    await page.getByText('"maxProperties": 7').waitFor()
    await page.getByText('An event that breaks it is stored').waitFor()
    expect(await page.locator('main').getByRole('button').count()).toBe(0)
    await page.getByRole('link', { name: 'Event types' }).click()
    await page.getByRole('row', { name: /gift_card\.sold/ }).waitFor()
    expect(await page.locator('main').getByRole('button').count()).toBe(0)
    const refused = await page.evaluate(
      `fetch('${service.url}/event-types/gift_card.sold', { method: 'DELETE', headers: {
        authorization: 'Bearer ${token}', tenant: 'dodici' } }).then(({ status }) => status)`,
    )
    expect(refused).toBe(403)
  })
})
