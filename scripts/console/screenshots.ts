// `make screenshots`: every page of the console in screenshots/, as a desktop and a phone show it,
// light and dark. ONLY=overview takes that page alone.

import { mkdirSync } from 'node:fs'
import type { BrowserContextOptions } from 'playwright-core'
import { ADMIN_TOKEN } from '../kit/client.ts'
import { startService } from '../kit/service.ts'
import { openConsole, startBrowser } from './browser.ts'
import { pagesOf } from './pages.ts'
import { buildStage, publishOrder } from './stage.ts'

const FOLDER = 'screenshots'
const VIEWS: Record<string, BrowserContextOptions> = {
  'desktop-light': { viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  'desktop-dark': { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
  'phone-light': { viewport: { width: 390, height: 844 }, colorScheme: 'light' },
  'phone-dark': { viewport: { width: 390, height: 844 }, colorScheme: 'dark', locale: 'de-DE' },
}
/** Small pictures of these pages too: docs/images has copies of them. */
const PICTURES = ['overview', 'story', 'event', 'replays']
const PICTURE = { viewport: { width: 1_000, height: 640 } }
/** Until everything polled is there, and a chart has a few points. */
const SETTLED_MS = 2_500

const only = process.env['ONLY']
mkdirSync(FOLDER, { recursive: true })
const service = await startService('start', {})
const stage = await buildStage(service.url)
let orders = 100
const publishing = setInterval(() => void publishOrder(service.url, orders++), 400)
const browser = await startBrowser()
try {
  for (const { name, address, isSignedIn } of await pagesOf(service.url)) {
    if (only && only !== name) continue
    const shared = { address, ...(isSignedIn ? { token: ADMIN_TOKEN } : {}) }
    for (const [view, options] of Object.entries(VIEWS)) {
      await take({ ...shared, ...options }, `${name}-${view}.png`)
    }
    if (PICTURES.includes(name)) await take({ ...shared, ...PICTURE }, `${name}.jpg`)
    console.log(`${FOLDER}/${name}-*.png`)
  }
} finally {
  clearInterval(publishing)
  await browser.close()
  await stage.close()
  await service.kill('SIGTERM')
}

async function take(options: Parameters<typeof openConsole>[2], file: string): Promise<void> {
  const { page, complaints } = await openConsole(browser, service.url, options)
  await page.waitForTimeout(SETTLED_MS)
  const kind = file.endsWith('.jpg')
    ? { type: 'jpeg' as const, quality: 70 }
    : { type: 'png' as const, fullPage: true }
  await page.screenshot({ path: `${FOLDER}/${file}`, ...kind })
  await page.context().close()
  for (const complaint of complaints) console.log(`${file}: ${complaint}`)
}
