// The main story of the console by keyboard alone: a broken receiver from red to green, from
// signing in to the log, without a mouse.

import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { BROKEN } from '../../scripts/console/stage.ts'
import { ADMIN_TOKEN, publish, register } from '../../scripts/kit/client.ts'
import { ok, payloadOf, status } from '../../scripts/kit/receiver.ts'
import { useDatabase } from '../helpers/database.ts'
import { useReceiver, useService } from '../helpers/service.ts'
import { browserIsThere, useBrowser } from './browser.ts'

/** More presses than any page of the story needs. */
const MOST_TABS = 40

const database = useDatabase()
const service = useService('start', database)
const receiver = useReceiver()

/** The text of the focused element; the browser's own part has none. */
const focused = (page: Page) =>
  page.evaluate<string>(`(document.activeElement?.matches('body, main')
    ? '' : document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent
  ).trim()`)

/** Presses Tab until the focus is on something whose text begins so. */
async function tabTo(page: Page, text: string): Promise<void> {
  const passed = [await focused(page)]
  while (!passed.at(-1)?.startsWith(text)) {
    await page.keyboard.press('Tab')
    passed.push(await focused(page))
    expect(passed.length, `${text}: not among ${passed.join(', ')}`).toBeLessThan(MOST_TABS)
  }
}

async function pressOn(page: Page, text: string): Promise<void> {
  await tabTo(page, text)
  await page.keyboard.press('Enter')
}

describe.runIf(browserIsThere())('by keyboard alone', () => {
  const open = useBrowser(service)

  it('a broken receiver is seen, tested, passed over, repaired, and gets its event', async () => {
    receiver.answer = status(500, { 'content-type': 'text/plain' }, BROKEN)
    await register(service.url, 'erp-1', receiver.url)
    await publish(service.url, { entityId: '4711', key: 'created-4711', payload: '{"id":"4711"}' })
    const page = await open()
    await tabTo(page, 'Token')
    await page.keyboard.type(ADMIN_TOKEN)
    await page.keyboard.press('Enter')
    await page.getByText(/erp-1 waits since .* for order\.created of 4711/).waitFor()

    await pressOn(page, 'Open erp-1')
    await page.getByRole('heading', { name: 'erp-1', level: 1 }).waitFor()
    expect(await focused(page)).toBe('erp-1')

    await pressOn(page, 'Test')
    const dialog = page.getByRole('dialog')
    await dialog.waitFor()
    await pressOn(page, 'Test')
    await dialog.getByText(BROKEN).waitFor()
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    expect(await focused(page)).toMatch(/^Test/)

    await pressOn(page, 'Skip')
    await dialog.waitFor()
    await tabTo(page, 'Reason')
    await page.keyboard.type('Booked by hand.')
    await pressOn(page, 'Skip')
    await page.getByText('Skipped. erp-1 goes on.').waitFor()

    receiver.answer = ok
    receiver.received.length = 0
    await pressOn(page, 'Rejected')
    await pressOn(page, 'Send again')
    await page.getByText('order.created was accepted.').waitFor()
    expect(receiver.received.map((one) => String(payloadOf(one)))).toEqual(['{"id":"4711"}'])

    await pressOn(page, 'Log')
    await page.getByText('Booked by hand.').waitFor()
    await pressOn(page, 'Overview')
    await page.getByText('Every integration keeps up').waitFor()
  })
})
