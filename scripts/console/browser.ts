// A real browser at the console: signed in, and with a list of what it complains about, or asks of
// others.

import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

/** Debian's. */
const EXECUTABLE = '/usr/bin/chromium'
const KEY = 'millrace-session'

export const hasBrowser = (): boolean => existsSync(EXECUTABLE)

/** Starts it, without a window. It knows this machine alone. */
export function startBrowser(): Promise<Browser> {
  const alone = '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'
  return chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox', alone] })
}

export type ConsoleOptions = BrowserContextOptions & {
  token?: string
  tenant?: string
  address?: string
  /** An origin that the browser may go to, too. Requests of its pages are not ours. */
  mayVisit?: string
}

/**
 * A page of the console at an address like `#/events`, signed in if there is a token. Complaints
 * are errors, violations of its policy, and requests to others.
 */
export async function openConsole(
  browser: Browser,
  url: string,
  options: ConsoleOptions = {},
): Promise<{ page: Page; complaints: string[] }> {
  const { token, tenant = 'dodici', address = '', mayVisit, ...context } = options
  const opened = await browser.newContext({ locale: 'en-GB', ...context })
  const page = await opened.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    // A refusal that a test provokes is in the network's log, too.
    const isRefusal = /^Failed to load resource/.test(message.text())
    if (message.type() === 'error' && !isRefusal) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => {
    const asker = request.isNavigationRequest() ? request.url() : request.frame().url()
    const isElsewhere = mayVisit !== undefined && asker.startsWith(`${mayVisit}/`)
    if (request.url().startsWith(`${url}/`) || isElsewhere) return
    complaints.push(`asked ${request.url()}`)
  })
  if (token) {
    const stored = JSON.stringify(JSON.stringify({ token, tenant }))
    await page.addInitScript(`sessionStorage['${KEY}'] ??= ${stored}`)
  }
  await page.goto(`${url}/console${address}`)
  return { page, complaints }
}
