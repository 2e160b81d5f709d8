// The watch over the pages of these tests complains: without that, their silence would say nothing.

import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openConsole, startBrowser } from '../../scripts/console/browser.ts'
import { until } from '../../scripts/kit/until.ts'
import type { Server } from '../../src/server.ts'
import { startHere } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'
import { browserIsThere } from './browser.ts'

const database = useDatabase()
let service: Server
let browser: Browser
beforeAll(async () => {
  service = await startHere(database.url)
})
afterAll(() => service.stop())

/** By what a page does, the complaint about it. */
const DEEDS: Record<string, RegExp> = {
  "fetch('https://elsewhere.example/x').catch(() => {})": /Content Security Policy/,
  "location.assign('https://elsewhere.example/x')": /^asked https:\/\/elsewhere/,
  'document.body.setAttribute("style", "color: red")': /style/,
  'try { document.body.innerHTML = "<b>x</b>" } catch {}': /TrustedHTML/,
  'setTimeout(() => { throw new Error("a bug") })': /a bug/,
  "console.error('a word')": /a word/,
}

describe.runIf(browserIsThere())('a complaint comes of', () => {
  beforeAll(async () => {
    browser = await startBrowser()
  })
  afterAll(() => browser.close())

  it.each(Object.entries(DEEDS))('%s', async (deed, complaint) => {
    const { page, complaints } = await openConsole(browser, service.url)
    await page.getByLabel('Token').waitFor()
    expect(complaints).toEqual([])
    await page.evaluate(deed).catch(() => {})
    await until('it complains', () => complaints.some((one) => complaint.test(one)))
    await page.context().close()
  })
})
