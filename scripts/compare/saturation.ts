// As many events as can be published and delivered: from the first request to the last arrival, to
// one webhook and to ten.

import type { LoadResult } from '../bench/publish-load.ts'
import { startReceiver } from '../bench/receiver.ts'
import type { Line } from '../bench/scenario.ts'
import { ADMIN_TOKEN, register } from '../kit/client.ts'
import { byTurns } from '../kit/measure.ts'
import { type Remote, startRemote } from '../kit/remote.ts'
import type { Comparison } from './comparison.ts'
import { both, lineOf, migratedBy, startSide } from './side.ts'

const LOAD = { token: ADMIN_TOKEN, connections: 64, warmMs: 0 }
const MS = 2_500
const TIMEOUT_MS = 120_000

export const saturation: Comparison = {
  name: 'saturation',
  async run(programs, { serverUrl, rounds }) {
    const load = await startRemote('bench/publish-load.ts')
    const lines: Line[] = []
    for (const webhooks of [1, 10]) {
      const sides = await both(async (name) => {
        const database = await migratedBy(programs[name], serverUrl)
        const side = await startSide(programs[name], database, ['work', 'serve'])
        return { side, deliver: await delivering(side.url, webhooks, load) }
      })
      const turns = { before: sides.before.deliver, after: sides.after.deliver }
      try {
        await byTurns(1, turns) // warms up
        const what = `delivered to ${webhooks} webhook${webhooks > 1 ? 's' : ''} while publishing`
        lines.push(lineOf(what, 'events/s', await byTurns(rounds, turns)))
      } finally {
        await Promise.all([sides.before.side.stop(), sides.after.side.stop()])
      }
    }
    await load.stop()
    return lines
  },
}

/** A round: deliveries a second until all have arrived, each once and in order. */
async function delivering(url: string, webhooks: number, load: Remote) {
  const receiver = await startReceiver()
  for (let i = 0; i < webhooks; i++) await register(url, `w${i}`, `${receiver.url}/w${i}`)
  let before = 0
  return async () => {
    const started = performance.now()
    const { published } = await load.call<LoadResult>('run', { ...LOAD, url, ms: MS })
    await receiver.reached(published * webhooks, TIMEOUT_MS)
    const seconds = (performance.now() - started) / 1000
    const { repeated, reordered } = await receiver.report()
    if (repeated + reordered > 0) throw new Error(`${repeated} repeated, ${reordered} reordered.`)
    const count = (published - before) * webhooks
    before = published
    return count / seconds
  }
}
