// The browser of the console's tests: one for a file, and pages that must have nothing to complain
// about at their end.

import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import {
  type ConsoleOptions,
  hasBrowser,
  openConsole,
  startBrowser,
} from '../../scripts/console/browser.ts'
import { tellNotRun } from '../helpers/not-run.ts'

const AXE = path.join(import.meta.dirname, '../../.ci/axe/node_modules/axe-core/axe.min.js')

/** Whether there is a browser; if not, the run says so. */
export function browserIsThere(): boolean {
  if (hasBrowser()) return true
  tellNotRun('chromium is not installed: the console is not looked at in a browser')
  return false
}

/** Gives the file a browser, and a function that opens a page in it. */
export function useBrowser(service: { readonly url: string }) {
  let browser: Browser
  beforeAll(async () => {
    browser = await startBrowser()
  })
  afterAll(() => browser.close())
  return async (options: ConsoleOptions = {}): Promise<Page> => {
    const { page, complaints } = await openConsole(browser, service.url, options)
    onTestFinished(async () => {
      await page.context().close()
      expect(complaints).toEqual([])
    })
    return page
  }
}

/** More presses than any page needs. */
const MOST_PRESSES = 200

/** The text of the focused element, or that of its label; the browser's own part has none. */
export const focused = (page: Page) =>
  page.evaluate<string>(`(document.activeElement.matches('body, main')
    ? '' : (document.activeElement.labels?.[0] ?? document.activeElement).textContent
  ).trim().replace(/\\s+/g, ' ')`)

/**
 * Presses Tab until something with that name has the focus. It must be there first: a page that
 * still loads has nothing but its navigation.
 */
export async function tabTo(page: Page, name: string | RegExp, key = 'Tab'): Promise<void> {
  const named = page.locator('a, button, label, summary').filter({ hasText: name, visible: true })
  await named.first().waitFor()
  const passed: string[] = []
  const isThere = (text: string) => (typeof name === 'string' ? text === name : name.test(text))
  do {
    await page.keyboard.press(key)
    passed.push(await focused(page))
    if (passed.length > MOST_PRESSES) throw new Error(`${name} is not among ${passed.join(', ')}`)
  } while (!isThere(passed.at(-1) as string))
}

/** Tabs to something with that name, and presses Enter. */
export async function enter(page: Page, name: string | RegExp): Promise<void> {
  await tabTo(page, name)
  await page.keyboard.press('Enter')
}

const axe = existsSync(AXE) ? readFileSync(AXE, 'utf8') : undefined
if (axe === undefined) {
  tellNotRun('axe-core is not installed (.ci/run): accessibility is not looked at')
}

type Violation = { id: string; nodes: { html: string; failureSummary: string }[] }

/** What axe-core finds on a page, a line each; empty too if axe-core is not installed. */
export async function barriersOf(page: Page): Promise<string[]> {
  if (axe === undefined) return []
  await page.evaluate(axe)
  // What fades in has less contrast until it is there.
  const ends = 'document.getAnimations().map((one) => one.finished)'
  await page.evaluate(`Promise.allSettled(${ends}).then(() => {})`)
  const violations = await page.evaluate<Violation[]>('axe.run().then((found) => found.violations)')
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  )
}
