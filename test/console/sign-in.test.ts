// The link that a start prints, in a real browser: it signs in once.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { register } from '../../scripts/kit/client.ts'
import type { Server } from '../../src/server.ts'
import { startHere } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'
import { browserIsThere, useBrowser } from './browser.ts'

const database = useDatabase()
/** Two of them: each gives one link. */
const [service, another] = [{} as Server, {} as Server]
beforeAll(async () => {
  for (const one of [service, another]) {
    Object.assign(one, await startHere(database.url, {}, { offersSignIn: true }))
  }
})
afterAll(() => Promise.all([service.stop(), another.stop()]))

describe.runIf(browserIsThere())('the link', () => {
  const open = useBrowser(service)
  const openAnother = useBrowser(another)

  it('signs in once, and leaves the address', async () => {
    const address = `#code=${service.signInCode}`
    const page = await open({ address })
    await page.getByRole('heading', { name: 'No tenant yet' }).waitFor()
    expect(await page.evaluate('location.hash')).not.toContain('code')
    await page.getByLabel('Tenant').fill('dodici')
    await page.keyboard.press('Enter')
    await page.getByText('No integration yet').waitFor()
    await page.reload()
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    const other = await open({ address })
    await other.getByRole('alert').getByText('The link was used, or is too old.').waitFor()
    await other.getByLabel('Token').waitFor()
  })

  it('opens the overview if there is a tenant', async () => {
    await register(another.url, 'erp', 'http://127.0.0.1:9/')
    const page = await openAnother({ address: `#code=${another.signInCode}` })
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
  })
})
