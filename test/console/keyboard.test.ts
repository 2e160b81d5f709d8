// The main story of the console by keyboard alone: a broken receiver from red to green, from
// signing in to the log, without a mouse.

import { describe, expect, it } from 'vitest'
import { BROKEN } from '../../scripts/console/stage.ts'
import { ADMIN_TOKEN, publish, register } from '../../scripts/kit/client.ts'
import { ok, payloadOf, status } from '../../scripts/kit/receiver.ts'
import { useDatabase } from '../helpers/database.ts'
import { useReceiver, useService } from '../helpers/service.ts'
import { browserIsThere, enter, focused, tabTo, useBrowser } from './browser.ts'

const database = useDatabase()
const service = useService('start', database)
const receiver = useReceiver()

describe.runIf(browserIsThere())('by keyboard alone', () => {
  const open = useBrowser(service)

  it('a broken receiver is seen, tested, passed over, repaired, and gets its event', async () => {
    receiver.answer = status(500, { 'content-type': 'text/plain' }, BROKEN)
    await register(service.url, 'erp-1', receiver.url)
    await publish(service.url, { entityId: '4711', key: 'created-4711', payload: '{"id":"4711"}' })
    const page = await open()
    await tabTo(page, /^Token/)
    await page.keyboard.type(ADMIN_TOKEN)
    await page.keyboard.press('Enter')
    await page.getByText(/erp-1 waits since .* for order\.created of 4711/).waitFor()

    await enter(page, 'Open erp-1')
    await page.getByRole('heading', { name: 'erp-1', level: 1 }).waitFor()
    await page.locator('h1:focus').waitFor()
    expect(await focused(page)).toBe('erp-1')

    await enter(page, /^Test/)
    const dialog = page.getByRole('dialog')
    await dialog.waitFor()
    await enter(page, /^Test/)
    await dialog.getByText(BROKEN).waitFor()
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    expect(await focused(page)).toMatch(/^Test/)

    await enter(page, /^Skip(?! to)/)
    await dialog.waitFor()
    await tabTo(page, /^Reason/)
    await page.keyboard.type('Booked by hand.')
    await enter(page, /^Skip(?! to)/)
    await page.getByText('Skipped. erp-1 goes on.').waitFor()

    receiver.answer = ok
    receiver.received.length = 0
    await enter(page, 'Rejected events')
    await enter(page, /^Send again/)
    await page.getByText('order.created was accepted.').waitFor()
    expect(receiver.received.map((one) => String(payloadOf(one)))).toEqual(['{"id":"4711"}'])

    await enter(page, 'Log')
    await page.getByText('Booked by hand.').waitFor()
    await enter(page, 'Overview')
    await page.getByText('Every integration keeps up').waitFor()
  })
})
