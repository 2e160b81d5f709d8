// `make first-load`: how long does the console take to be there, on a log of ten million events, if
// somebody has 1,000 tenants? The overview, in a fresh Chromium with an empty cache: until it shows
// ten integrations and answers a key, and until it shows their figures. EVENTS=10000000

import type { Browser } from 'playwright-core'
import { fillOrders } from '../bench/growth-fill.ts'
import { openStage } from '../bench/stage.ts'
import { BEHIND, fillStreams } from '../bench/streams-fill.ts'
import { ADMIN_TOKEN, publish } from '../kit/client.ts'
import { quantile } from '../kit/measure.ts'
import { startProgram } from '../kit/program.ts'
import { startService } from '../kit/service.ts'
import { openConsole, startBrowser } from './browser.ts'

const EVENTS = Number(process.env['EVENTS'] || 10_000_000)
const DAYS = 30
const TENANTS = 1_000
const LOADS = 9
const MOST_MS = 1_000
const TENANT = 'dodici'
const EVENT = { key: 'first', payload: '{}' }
const IDS = Array.from({ length: 9 }, (_, i) => `erp-${i}`)

const stage = await openStage()
const { url: databaseUrl } = await stage.database('console')
const size = { events: EVENTS, days: DAYS }
await fillOrders(databaseUrl, size, { tenant: TENANT, eventsOfOrder: 40 })
await fillStreams(databaseUrl, size, { tenant: TENANT, ids: IDS })
const environment = { DATABASE_URL: databaseUrl, MILLRACE_LOG_LEVEL: 'error' }
const rebuilt = await startProgram(['rebuild', 'config', '--apply'], environment).ended
if (rebuilt.status !== 0) throw new Error(rebuilt.stderr)
const service = await startService('start', environment)
const browser = await startBrowser()
try {
  for (let i = 1; i < TENANTS; i++) await publish(service.url, { tenant: `shop-${i}`, ...EVENT })
  const loads: Load[] = []
  for (let i = 0; i < LOADS; i++) loads.push(await measureLoad(browser))
  const median = (of: (load: Load) => number) => Math.round(quantile(loads.map(of), 0.5))
  const interactive = median((load) => load.interactive)
  const slowest = Math.max(...loads.map((load) => load.interactive))
  console.log(`interactive: ${interactive} ms, at most ${Math.round(slowest)} ms`)
  console.log(`with figures: ${median((load) => load.figures)} ms`)
  process.exitCode = interactive > MOST_MS ? 1 : 0
} finally {
  await browser.close()
  await service.kill('SIGTERM')
  await stage.close()
}

type Load = { interactive: number; figures: number }

/** Milliseconds since the navigation began. */
async function measureLoad(browser: Browser): Promise<Load> {
  const { page } = await openConsole(browser, service.url, { token: ADMIN_TOKEN, tenant: TENANT })
  const integration = page.getByRole('link', { name: BEHIND, exact: true }).first()
  await integration.focus()
  const interactive = await page.evaluate('performance.now()')
  const figure = page.getByRole('row', { name: BEHIND }).getByText(/\(\S+\)/)
  await figure.first().waitFor()
  const figures = await page.evaluate('performance.now()')
  await page.context().close()
  return { interactive: Number(interactive), figures: Number(figures) }
}
