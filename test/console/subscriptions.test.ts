// Subscriptions and files in the console: in a real browser, against a real broker and store.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ADMIN_TOKEN, call, EVENTSTREAM, publish } from '../../scripts/kit/client.ts'
import { SUBSCRIPTIONS } from '../../scripts/kit/collector.ts'
import { type Store, s3Parameters, startStore } from '../../scripts/kit/store.ts'
import { until } from '../../scripts/kit/until.ts'
import { makeKey } from '../access/callers.ts'
import { type Broker, keys, startBroker } from '../helpers/broker.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useService } from '../helpers/service.ts'
import { barriersOf, browserIsThere, useBrowser } from './browser.ts'

const database = useDatabase()
const service = useService('start', database, () => ({ MILLRACE_S3_WINDOW_MS: '200' }))
let broker: Broker
let store: Store
beforeAll(async () => {
  broker = await startBroker()
  store = await startStore('fauxqs')
})
afterAll(async () => {
  await broker.close()
  await store.close()
})

describe.runIf(browserIsThere())('the console', () => {
  const open = useBrowser(service)
  const { ask } = api(service)
  const start = (address: string) => open({ token: ADMIN_TOKEN, address })
  const order = (key: string) => publish(service.url, { key, payload: `{"id":"${key}"}` })

  it('creates a subscription, and shows the faults at its fields', async () => {
    const page = await start('#/subscriptions')
    await page.getByText('No subscription yet.').waitFor()
    await page.getByRole('link', { name: 'New subscription' }).click()
    await page.getByLabel('Id', { exact: true }).fill('crm')
    await page.getByLabel('Entity type').fill('ORDER')
    await page.getByLabel('deleted').uncheck()
    await page.getByLabel('URL of the queue').fill('not a queue')
    await page.getByLabel('Region').fill('us-east-1')
    await page.getByLabel('Access key', { exact: true }).fill(keys.accessKeyId)
    await page.getByLabel('Secret access key').fill(keys.secretAccessKey)
    await page.getByRole('button', { name: 'Create' }).click()
    const url = page.getByLabel('URL of the queue')
    await page.getByText('Not saved.').waitFor()
    expect(await url.getAttribute('aria-invalid')).toBe('true')
    expect(await barriersOf(page)).toEqual([])
    await url.fill(broker.createQueue('orders'))
    await page.getByRole('button', { name: 'Create' }).click()
    await page.getByText('crm is created.').waitFor()
    await order('a')
    await until('the message is there', () => broker.messages('orders').length === 1)
    await page.getByText('ORDER: created, changed').waitFor()
    await page.getByRole('definition').getByText('orders').waitFor()
    await page.getByRole('img', { name: /^Delivered per minute: now \d, highest 1$/ }).waitFor()
    await page.getByRole('link', { name: 'Log' }).click()
    await page.getByText('Created via API.').waitFor()
  })

  it('changes it, keeps its keys, deactivates and activates it', async () => {
    const page = await start('#/subscriptions/crm/edit')
    await page.getByLabel('deleted').check()
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('crm is saved.').waitFor()
    const dialog = page.getByRole('dialog')
    await page.getByRole('button', { name: 'Deactivate' }).click()
    await dialog.getByText('Within a second no new message leaves').waitFor()
    await dialog.getByRole('button', { name: 'Deactivate' }).click()
    await page.getByText('crm is deactivated.').waitFor()
    await order('b')
    await page.getByRole('link', { name: 'Undelivered' }).click()
    // To the second: the end of the period is the next one.
    await page.getByLabel('To', { exact: true }).fill('2099-01-01T00:00:00')
    await page.getByRole('button', { name: 'Show' }).click()
    await page.getByRole('listitem').getByText('order.created').waitFor()
    await page.getByRole('button', { name: 'Activate' }).click()
    await dialog.getByRole('button', { name: 'Activate' }).click()
    await page.getByText('crm is active.').waitFor()
    await until('both are there', () => broker.messages('orders').length === 2)
    const { body } = await ask('GET', `${SUBSCRIPTIONS}/crm`)
    expect(body).toMatchObject({ active: true, subscribeDelete: true })
  })

  it('explains a change of somebody else, and overwrites nothing', async () => {
    const page = await start('#/subscriptions/crm/edit')
    await page.getByLabel('created', { exact: true }).uncheck()
    const { body } = await ask('GET', `${SUBSCRIPTIONS}/crm`)
    const { status } = await ask('PUT', SUBSCRIPTIONS, { ...body, entityType: 'RETURN' })
    expect(status).toBe(201)
    await page.getByRole('button', { name: 'Save' }).click()
    const conflict = page.getByRole('group', { name: 'Somebody else has changed this' })
    await conflict.getByText('ORDER → RETURN').waitFor()
    expect(await barriersOf(page)).toEqual([])
    expect((await ask('GET', `${SUBSCRIPTIONS}/crm`)).body).toMatchObject({
      entityType: 'RETURN',
      subscribeCreate: true,
    })
  })

  it('deletes it, after it has asked', async () => {
    const page = await start('#/subscriptions/crm')
    await page.getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('dialog').getByText('No message leaves any more').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.getByText('crm is deleted.').waitFor()
    await page.getByText('No subscription yet.').waitFor()
  })

  it('shows the past of one that was deleted, and says if there never was one', async () => {
    const page = await start('#/subscriptions/crm/log')
    await page.getByText('crm was removed.').waitFor()
    await page.locator('.rows').getByText('deleted', { exact: true }).waitFor()
    for (const tab of ['Now', 'Rejected events', 'Undelivered', 'Replays']) {
      await page.getByRole('link', { name: tab, exact: true }).click()
      await page.getByRole('heading', { name: tab, exact: true }).waitFor()
      await page.getByText('Loading …').first().waitFor({ state: 'detached' })
      expect(await page.getByText('That did not work').count(), tab).toBe(0)
      expect(await barriersOf(page)).toEqual([])
    }
    const acts = page.locator('main').getByRole('button', { name: /Activate|Deactivate|Delete/ })
    expect(await acts.count()).toBe(0)
    expect(await page.getByRole('link', { name: 'Change' }).count()).toBe(0)
    const other = await start('#/subscriptions/never')
    await other.getByText('That did not work').waitFor()
    expect(await other.getByText('was removed').count()).toBe(0)
  })

  it('shows the files of an integration, and the reason if there can be none', async () => {
    await store.createBucket('company-events')
    const register = (id: string, bucket: string) =>
      call(service.url + EVENTSTREAM, {
        body: JSON.stringify({
          id,
          integration_type: 'permanent',
          s3_parameters: s3Parameters(store.endpoint, bucket),
        }),
      })
    expect((await register('archive', 'company-events')).status).toBe(200)
    expect((await register('lost', 'no-such-bucket')).status).toBe(200)
    const page = await start('#/integrations/archive/files')
    await page.getByText(/^None yet\. A file ends/).waitFor()
    await order('c')
    await page.getByText('1 event(s), ').waitFor()
    const [key] = await store.keys('company-events')
    await page.getByText(key as string).waitFor()
    await page.getByText('Nothing waits: every event that it takes is in a file.').waitFor()
    expect(await barriersOf(page)).toEqual([])
    const other = await start('#/integrations/lost/files')
    await other
      .locator('#next-file ~ .problem')
      .getByText(/bucket/i)
      .waitFor()
  })

  it('offers a reader nothing to change', async () => {
    const { token } = await makeKey(service.url, { tenants: ['dodici'], scopes: ['read'] })
    const destination = {
      type: 'SQS',
      sqs: {
        accessKey: keys.accessKeyId,
        accessSecret: keys.secretAccessKey,
        region: 'us-east-1',
        queueUrl: `${broker.url}/0/<script>`,
      },
    }
    const created = { id: 'crm', entityType: 'ORDER', active: false, destination }
    expect((await ask('POST', SUBSCRIPTIONS, created)).status).toBe(201)
    const page = await open({ token, address: '#/subscriptions/crm/edit' })
    await page.getByRole('link', { name: 'Replays' }).waitFor()
    await page.getByRole('definition').getByText('<script>').waitFor()
    expect(await page.getByRole('link', { name: 'Change' }).count()).toBe(0)
    expect(await page.locator('main').getByRole('button').count()).toBe(0)
    await page.goto(`${service.url}/console#/subscriptions?new=1`)
    await page.getByRole('row', { name: /crm/ }).waitFor()
    expect(await page.getByRole('link', { name: 'New subscription' }).count()).toBe(0)
    const refused = await page.evaluate(
      `fetch('${service.url}${SUBSCRIPTIONS}/crm', { method: 'DELETE', headers: {
        authorization: 'Bearer ${token}', tenant: 'dodici' } }).then(({ status }) => status)`,
    )
    expect(refused).toBe(403)
  })
})
