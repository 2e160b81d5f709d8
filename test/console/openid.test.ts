// Signing in to the console with OpenID Connect, in a real browser, at a real issuer.

import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { ADMIN_TOKEN, call, register } from '../../scripts/kit/client.ts'
import { startHere } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'
import { CLIENT_ID, type Issuer, startIssuer } from '../helpers/issuer.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'
import { barriersOf, browserIsThere, useBrowser } from './browser.ts'

const roles = {
  ada: ['millrace:configure', 'millrace:tenant:dodici'],
  bob: ['somebody-else'],
}

const database = useDatabase()
let issuer: Issuer
beforeAll(async () => {
  issuer = await startIssuer(() => `${service.url}/console`, roles)
})
afterAll(() => issuer.close())
const service = useService('start', database, () => ({
  MILLRACE_OIDC_ISSUER: issuer.url,
  MILLRACE_OIDC_CLIENT_ID: CLIENT_ID,
  MILLRACE_LOG_LEVEL: 'debug',
  MILLRACE_ACCESS_LOG: 'true',
}))
const receiver = useReceiver()

describe.runIf(browserIsThere())('an account', () => {
  const openPage = useBrowser(service)
  const { on } = api(service)
  const open = (address = '') => openPage({ address, mayVisit: issuer.url })
  const begin = (page: Page) =>
    page.getByRole('button', { name: 'Sign in with your account' }).click()
  const signIn = async (page: Page, login: string) => {
    await begin(page)
    await page.locator('[name=login]').fill(login)
    await page.locator('[name=password]').fill('any')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Continue' }).click()
  }

  const redeeming = (page: Page) =>
    page.waitForRequest((request) => request.method() === 'POST' && /openid$/.test(request.url()))

  it('signs in, comes back to the page that was left, and is named in the log', async () => {
    await register(service.url, 'erp-1', receiver.url)
    const page = await open('#/integrations/erp-1')
    expect(await barriersOf(page)).toEqual([])
    const [asked] = await Promise.all([redeeming(page), signIn(page, 'ada')])
    await page.getByRole('heading', { name: 'erp-1' }).waitFor()
    expect(page.url()).toBe(`${service.url}/console#/integrations/erp-1`)
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click()
    await page.getByText('erp-1 is stopped.').waitFor()
    const { body } = await on('erp-1', '/logs')
    expect(JSON.stringify(body)).toContain('person ada@dodici.example (ada)')
    await page.reload()
    await page.getByRole('heading', { name: 'erp-1' }).waitFor()

    // None of what opens a session is in the log of the service.
    const { code, code_verifier } = asked.postDataJSON()
    const token = await page.evaluate("JSON.parse(sessionStorage['millrace-session']).token")
    expect(service.output()).toContain('/console/openid')
    for (const secret of [code, code_verifier, token]) {
      expect(secret).toMatch(/^[\w.-]{20,}$/)
      expect(service.output()).not.toContain(secret)
    }
  })

  it('signs out here and at the issuer', async () => {
    const page = await open()
    await signIn(page, 'ada')
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'Yes, sign me out' }).click()
    await page.getByRole('button', { name: 'Sign in with your account' }).waitFor()
    expect(page.url()).toMatch(/\/console$/)
    expect(await page.evaluate('sessionStorage.length')).toBe(0)
    await begin(page)
    await page.locator('[name=login]').waitFor()
  })

  it('without a role gets a sentence, and may be another one the next time', async () => {
    const page = await open()
    await signIn(page, 'bob')
    await page.getByRole('alert').getByText('Your account has no role here.').waitFor()
    expect(await barriersOf(page)).toEqual([])
    await signIn(page, 'ada')
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
  })

  it('that says no at the issuer gets a sentence', async () => {
    const page = await open()
    await begin(page)
    await page.getByRole('link', { name: /Cancel|Abort/ }).click()
    await page.getByRole('alert').getByText('has refused: access_denied').waitFor()
    await page.getByLabel('Token').waitFor()
  })

  it('does not enter with an answer that this tab did not ask for', async () => {
    const page = await open()
    await page.goto(`${service.url}/console?code=stolen&state=of-another-tab`)
    const foreign = page.getByRole('alert').getByText('was not begun in this tab')
    await foreign.waitFor()
    expect(page.url()).toBe(`${service.url}/console`)
    // It has begun one, and gets the answer to another.
    await begin(page)
    await page.locator('[name=login]').waitFor()
    await page.goto(`${service.url}/console?code=stolen&state=of-another-tab`)
    await foreign.waitFor()
    expect(await page.evaluate('sessionStorage.length')).toBe(0)
  })

  it('enters once with a code: a copy of the answer is refused', async () => {
    const page = await open()
    const [asked] = await Promise.all([redeeming(page), signIn(page, 'ada')])
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    const body = asked.postData() as string
    const again = await call(`${service.url}/console/openid`, { token: null, body })
    expect(again).toMatchObject({
      status: 401,
      body: { message: expect.stringContaining('invalid_grant') },
    })
  })

  it('is asked again when its token has ended, and comes back', async () => {
    const page = await open('#/events?q=4711')
    await signIn(page, 'ada')
    await page.getByRole('searchbox').waitFor()
    await page.evaluate(
      `sessionStorage['millrace-session'] = '{"token":"a.b.c","tenant":"dodici"}'`,
    )
    await page.reload()
    await page.getByRole('alert').getByText('not valid any more').waitFor()
    // The issuer still knows who this is.
    await begin(page)
    await page.getByRole('searchbox').waitFor()
    expect(page.url()).toBe(`${service.url}/console#/events?q=4711`)
  })

  it('cannot be checked while the issuer is away; a token works', async () => {
    const away = await startHere(database.url, {
      MILLRACE_OIDC_ISSUER: 'http://127.0.0.1:9',
      MILLRACE_OIDC_CLIENT_ID: CLIENT_ID,
    })
    onTestFinished(() => away.stop())
    const page = await openPage({ mayVisit: away.url })
    await page.goto(`${away.url}/console`)
    await begin(page)
    await page.getByRole('alert').getByText('Accounts cannot be checked').waitFor()
    await page.getByLabel('Token').fill(ADMIN_TOKEN)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
  })
})
