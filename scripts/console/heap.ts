// `make heap`: do the live pages of the console leak? The overview and an integration stay open in
// Chromium while orders come. The heap of each, after a collection, must stay within a fifth.
// MINUTES=60 RATE=60

import { setTimeout as sleep } from 'node:timers/promises'
import type { CDPSession, Page } from 'playwright-core'
import { ADMIN_TOKEN } from '../kit/client.ts'
import { startService } from '../kit/service.ts'
import { openConsole, startBrowser } from './browser.ts'
import { buildStage, publishOrder } from './stage.ts'

const MINUTES = Number(process.env['MINUTES'] || 60)
/** Events a minute: each order has two. */
const RATE = Number(process.env['RATE'] || 60)
/** Charts are full after four minutes: what grows until then is no leak. */
const WARM_MINUTES = 4.5
const MEASURES = 4
const MOST_GROWTH = 1.2
const MB = 1024 * 1024

type Watched = { name: string; page: Page; session: CDPSession; heaps: number[] }

const service = await startService('start', { MILLRACE_LOG_LEVEL: 'error' })
const stage = await buildStage(service.url)
let orders = 100
const publishing = setInterval(
  () => void publishOrder(service.url, orders++).catch(console.error),
  120_000 / RATE,
)
const browser = await startBrowser()
try {
  const watched: Watched[] = []
  for (const [name, address] of Object.entries({
    overview: '',
    integration: '#/integrations/erp-1',
  })) {
    const { page } = await openConsole(browser, service.url, { address, token: ADMIN_TOKEN })
    const session = await page.context().newCDPSession(page)
    await session.send('HeapProfiler.enable')
    await session.send('Performance.enable')
    watched.push({ name, page, session, heaps: [] })
  }
  await sleep(WARM_MINUTES * 60_000)
  for (let i = 0; i < MEASURES; i++) {
    if (i > 0) await sleep((MINUTES * 60_000) / (MEASURES - 1))
    for (const one of watched) await measure(one)
  }
  const grown = watched.filter(({ heaps }) => (heaps.at(-1) ?? 0) > MOST_GROWTH * (heaps[0] ?? 0))
  for (const { name } of grown) console.log(`${name}: the heap has grown by more than a fifth`)
  process.exitCode = grown.length > 0 ? 1 : 0
} finally {
  clearInterval(publishing)
  await browser.close()
  await stage.close()
  await service.kill('SIGTERM')
}

async function measure({ name, session, heaps }: Watched): Promise<void> {
  await session.send('HeapProfiler.collectGarbage')
  const { metrics } = await session.send('Performance.getMetrics')
  const of = (metric: string) => metrics.find((one) => one.name === metric)?.value ?? Number.NaN
  heaps.push(of('JSHeapUsedSize'))
  const heap = (of('JSHeapUsedSize') / MB).toFixed(2)
  const time = new Date().toISOString().slice(11, 19)
  console.log(
    `${time} ${name}: ${heap} MB, ${of('Nodes')} nodes, ${of('JSEventListeners')} listeners`,
  )
}
