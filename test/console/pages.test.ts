// Every page of the console: it can be used by everybody, in each language, and loads little.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pagesOf } from '../../scripts/console/pages.ts'
import { buildStage, type Stage } from '../../scripts/console/stage.ts'
import { ADMIN_TOKEN } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { useService } from '../helpers/service.ts'
import { barriersOf, browserIsThere, useBrowser } from './browser.ts'

const MOST_BYTES = 150_000
const VIEWS = {
  'a desktop, light': { viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  'a desktop, dark': { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
  'a phone, light': { viewport: { width: 390, height: 844 }, colorScheme: 'light' },
  'a phone, dark, in German': {
    viewport: { width: 390, height: 844 },
    colorScheme: 'dark',
    locale: 'de-DE',
  },
} as const

const database = useDatabase()
const service = useService('start', database)

describe.runIf(browserIsThere())('every page', () => {
  const open = useBrowser(service)
  let stage: Stage
  beforeAll(async () => {
    stage = await buildStage(service.url)
  })
  afterAll(() => stage.close())

  it.each(Object.entries(VIEWS))('has no barrier and fits on %s', async (_, view) => {
    for (const { name, address, isSignedIn } of await pagesOf(service.url)) {
      const page = await open({ ...view, ...(isSignedIn ? { token: ADMIN_TOKEN } : {}), address })
      await page.locator('h1').waitFor()
      await page
        .getByText(/Loading …|Lädt …/)
        .first()
        .waitFor({ state: 'detached' })
      expect(await barriersOf(page), name).toEqual([])
      const tooWide = 'document.documentElement.scrollWidth - innerWidth'
      expect(await page.evaluate(tooWide), name).toBeLessThanOrEqual(0)
      const language = await page.evaluate('document.documentElement.lang')
      expect(language).toBe('locale' in view ? 'de' : 'en')
      // Open pages read on, and slow the others down.
      await page.context().close()
    }
  })

  it('loads less than 150 kB, and nothing twice', async () => {
    const page = await open({ token: ADMIN_TOKEN })
    await page.locator('canvas').waitFor()
    type Loaded = { name: string; encodedBodySize: number }
    const loaded = await page.evaluate<Loaded[]>(
      `[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
        .filter(({ name }) => name.includes('/console'))
        .map(({ name, encodedBodySize }) => ({ name, encodedBodySize }))`,
    )
    const bytes = loaded.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0)
    console.log(`the console: ${loaded.length} files, ${bytes} bytes`)
    expect(bytes).toBeGreaterThan(10_000)
    expect(bytes).toBeLessThan(MOST_BYTES)
    expect(new Set(loaded.map(({ name }) => name)).size).toBe(loaded.length)
  })

  it('is loaded when it is shown, and says so if that fails', async () => {
    const page = await open({ token: ADMIN_TOKEN })
    await page.locator('.attention li').first().waitFor()
    const follow = (name: string) => page.getByRole('link', { name, exact: true }).click()
    const focused = (title: string) =>
      until(title, () => page.evaluate(`document.activeElement.textContent === '${title}'`))
    await follow('Events')
    await focused('Events')
    await page.route('**/pages/audit.js', (route) => route.abort())
    await follow('Audit')
    await focused('This page could not be loaded')
    expect(await barriersOf(page)).toEqual([])
    await page.unroute('**/pages/audit.js')
    await page.getByRole('button', { name: 'Load the console again' }).click()
    await page.getByRole('heading', { name: 'Audit', level: 1 }).waitFor()
  })

  it('is reached by keyboard alone, from the link that skips the navigation to a button', async () => {
    const page = await open({ token: ADMIN_TOKEN })
    await page.locator('.attention li').first().waitFor()
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content')
    await page.keyboard.press('Enter')
    const focused = () => page.evaluate<string>('document.activeElement.textContent.trim()')
    const texts: string[] = []
    while (!texts.at(-1)?.startsWith('Stop')) {
      await page.keyboard.press('Tab')
      texts.push(await focused())
      if (texts.length > 20) break
    }
    expect(texts.at(-1)).toBe('Stop erp-1')
    await page.keyboard.press('Enter')
    await page.getByRole('dialog', { name: 'Stop erp-1?' }).waitFor()
    expect(await barriersOf(page)).toEqual([])
    await page.keyboard.press('Escape')
    expect(await focused()).toBe('Stop erp-1')
  })
})
