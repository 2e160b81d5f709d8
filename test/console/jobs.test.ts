// Notification jobs in the console: looked at, tried, changed, created; and what a reader may not.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildShop } from '../../scripts/console/shop.ts'
import { ADMIN_TOKEN } from '../../scripts/kit/client.ts'
import { JOBS } from '../../scripts/kit/jobs.ts'
import { until } from '../../scripts/kit/until.ts'
import { makeKey } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'
import { type SendGrid, senderSettings, startSendGrid } from '../helpers/sendgrid.ts'
import { api, type Service, startService } from '../helpers/service.ts'
import { barriersOf, browserIsThere, useBrowser } from './browser.ts'

const database = useDatabase()
const service = {} as Service
let sendgrid: SendGrid
beforeAll(async () => {
  sendgrid = await startSendGrid()
  const started = await startService('start', {
    DATABASE_URL: database.url,
    ...senderSettings(sendgrid),
    MILLRACE_SWEEP_MS: '100',
  })
  Object.assign(service, started)
  await buildShop(service.url)
})
afterAll(() => Promise.all([service.kill('SIGTERM'), sendgrid.close()]))

describe.runIf(browserIsThere())('a job', () => {
  const open = useBrowser(service)
  const { ask } = api(service)
  const job = async (id: string) => (await ask('GET', `${JOBS}/${id}`)).body

  it('shows its next run in its time zone and in that of the reader', async () => {
    const page = await open({ token: ADMIN_TOKEN, timezoneId: 'America/New_York' })
    await page.getByRole('link', { name: 'Jobs' }).click()
    const row = page.getByRole('row', { name: /back-in-stock/ })
    await row.getByText('Monday to Friday at 09:00').waitFor()
    await row.getByText('Europe/Berlin').waitFor()
    await row.getByText(/here .* 0[23]:00/).waitFor()
    await page
      .getByRole('row', { name: /wishlist/ })
      .getByText('switched off')
      .waitFor()
    expect(await barriersOf(page)).toEqual([])
  })

  it('is reached from its changes in the audit', async () => {
    const page = await open({ token: ADMIN_TOKEN, address: '#/audit?kind=job' })
    await page.getByRole('link', { name: 'wishlist', exact: true }).click()
    await page.getByRole('heading', { level: 1, name: /wishlist/ }).waitFor()
  })

  it('says who would get a mail and who would not, for one customer too', async () => {
    const page = await open({ token: ADMIN_TOKEN, address: '#/jobs/back-in-stock/preview' })
    await page.getByText('1 customer(s) would get a mail').waitFor()
    await page.getByText('1: The customer has not given consent.').waitFor()
    await page.locator('summary', { hasText: 'c-ada' }).click()
    await page.getByText('Boot, 42, 89.9 EUR').waitFor()
    await page.getByText('"item_count": 1').waitFor()
    expect(await barriersOf(page)).toEqual([])
    await page.getByLabel('One customer').fill('c-bob')
    await page.keyboard.press('Enter')
    await page.getByText('0 customer(s) would get a mail').waitFor()
    await page.getByText('1: The customer has not given consent.').waitFor()
    expect(sendgrid.requests).toBe(0)
  })

  it('sends a test mail to an address, then runs, and shows what came of it', async () => {
    const page = await open({ token: ADMIN_TOKEN, address: '#/jobs/back-in-stock' })
    const dialog = page.getByRole('dialog')
    await page.getByRole('button', { name: 'Test mail' }).click()
    await dialog.getByLabel('Your address').fill('nobody')
    await dialog.getByRole('button', { name: 'Test mail' }).click()
    await dialog.getByRole('alert').getByText('email').waitFor()
    await dialog.getByLabel('Your address').fill('me@example.com')
    await dialog.getByRole('button', { name: 'Test mail' }).click()
    await dialog.getByText('SendGrid has accepted it').waitFor()
    await dialog.getByText('The data of what this customer would get now.').waitFor()
    expect(sendgrid.taken).toMatchObject([{ email: 'me@example.com', data: { item_count: 1 } }])
    await dialog.getByRole('button', { name: 'Close' }).click()

    await page.getByRole('button', { name: 'Run now' }).click()
    await dialog.getByText('It mails every customer who is due: 1 now.').waitFor()
    await dialog.getByRole('button', { name: 'Run now' }).click()
    await page.getByText('Mails sent: 1, about 1 item(s) · withheld: 1').waitFor()
    expect(sendgrid.taken.map(({ email }) => email)).toEqual(['me@example.com', 'ada@example.com'])
    expect(await barriersOf(page)).toEqual([])
  })

  it('is switched off and on, and says first what that does', async () => {
    const page = await open({ token: ADMIN_TOKEN, address: '#/jobs/back-in-stock' })
    const dialog = page.getByRole('dialog')
    await page.getByRole('button', { name: 'Switch off' }).click()
    await dialog.getByText('It mails nobody until it is switched on').waitFor()
    await page.getByRole('button', { name: 'Cancel' }).click()
    expect(await job('back-in-stock')).toMatchObject({ is_active: true })
    await page.getByRole('button', { name: 'Switch off' }).click()
    await dialog.getByRole('button', { name: 'Switch off' }).click()
    await page.getByText('back-in-stock is switched off.').waitFor()
    await page.getByRole('button', { name: 'Switch on' }).click()
    await dialog.getByRole('button', { name: 'Switch on' }).click()
    await page.getByText('back-in-stock is switched on.').waitFor()
    expect(await job('back-in-stock')).toMatchObject({ is_active: true })
  })

  it('is created, with the faults at their fields, then changed and deleted', async () => {
    const page = await open({ token: ADMIN_TOKEN, address: '#/jobs', timezoneId: 'Europe/Berlin' })
    await page.getByRole('link', { name: 'New job' }).click()
    await page.getByLabel('Id', { exact: true }).fill('drops')
    await page.getByLabel('Mails about').selectOption('PRICE_DROP')
    await page.getByLabel('Template of SendGrid').fill('d-2')
    expect(await page.getByLabel('Time zone').inputValue()).toBe('Europe/Berlin')
    await page.getByLabel('Schedule (cron)').fill('every day')
    await page.getByLabel('Time zone').fill('Europe/Nowhere')
    await page.getByRole('button', { name: 'Create the job' }).click()
    await page.getByText('must have 5 fields').waitFor()
    await page.getByText('is not the IANA name of a time zone').waitFor()
    expect(await page.getByLabel('Time zone').getAttribute('aria-invalid')).toBe('true')
    expect(await barriersOf(page)).toEqual([])
    await page.getByLabel('Schedule (cron)').fill('30 8 * * 1')
    await page.getByLabel('Time zone').fill('Europe/Berlin')
    await page.getByRole('button', { name: 'Create the job' }).click()
    await page.getByRole('heading', { name: 'drops' }).waitFor()
    await page.getByText('Monday at 08:30').waitFor()
    expect(await job('drops')).toMatchObject({ notification: 'PRICE_DROP', template_id: 'd-2' })

    await page.getByRole('link', { name: 'Edit' }).click()
    await page.getByLabel('Mails per customer').fill('3')
    // Somebody else is faster, and is not overwritten unseen.
    await ask('PUT', `${JOBS}/drops`, { template_id: 'd-3' })
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('d-2 → d-3').waitFor()
    await page.getByLabel('Template of SendGrid').fill('d-3')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('drops is changed.').waitFor()
    expect(await job('drops')).toMatchObject({ max_mails_per_week: 3, template_id: 'd-3' })

    await page.getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('dialog').getByText('It never runs again').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.getByText('drops is deleted.').waitFor()
    await page.getByRole('heading', { name: 'Jobs' }).waitFor()
    await until('the list has it no more', async () => (await page.getByText('drops').count()) < 2)
    expect(await job('drops')).toMatchObject({ deleted: true })
  })

  it('offers nothing to a reader who may not configure', async () => {
    const { token } = await makeKey(service.url, { scopes: ['read'] })
    const page = await open({ token, address: '#/jobs' })
    await page.getByRole('link', { name: 'back-in-stock' }).click()
    await page.getByText('Monday to Friday at 09:00').waitFor()
    for (const name of ['Run now', 'Test mail', 'Switch off', 'Edit', 'Delete']) {
      expect(await page.getByRole('button', { name }).count()).toBe(0)
      expect(await page.getByRole('link', { name }).count()).toBe(0)
    }
    for (const address of ['#/new-job', '#/jobs/back-in-stock/edit']) {
      await page.evaluate(`location.hash = '${address}'`)
      await page.getByText('Your token may look').waitFor()
    }
    expect(
      (
        await ask('POST', `${JOBS}/back-in-stock/_run`, undefined, {
          authorization: `Bearer ${token}`,
        })
      ).status,
    ).toBe(403)
  })

  it('shows what is hostile as text', async () => {
    const markup = '<img src=x onerror=alert(1)>'
    await ask('PUT', `${JOBS}/wishlist`, {
      template_id: markup,
      scheduleExpression: `\u202e${markup}`,
    })
    const page = await open({ token: ADMIN_TOKEN, address: '#/jobs/wishlist' })
    await page.getByText(markup).first().waitFor()
    expect(await page.locator('img').count()).toBe(0)
  })
})
