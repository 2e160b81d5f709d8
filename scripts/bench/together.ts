// Publishes over HTTP and delivers to one webhook at once, as much as possible.

import { randomUUID } from 'node:crypto'
import { ADMIN_TOKEN, call, EVENTSTREAM, register } from '../kit/client.ts'
import { byTurns } from '../kit/measure.ts'
import { startRemote } from '../kit/remote.ts'
import { SIGNING_SECRET } from './post.ts'
import { launch } from './process.ts'
import type { Load, LoadResult } from './publish-load.ts'
import { expectWhole, startReceiver } from './receiver.ts'
import { compare, type Scenario } from './scenario.ts'

const CONNECTIONS = 64
const TIMEOUT_MS = 60_000
const delivery = { max_in_flight: CONNECTIONS, signing_secret: SIGNING_SECRET }

const sizes = { full: { rounds: 3, ms: 900 }, smoke: { rounds: 1, ms: 150 } }

export const together: Scenario = {
  name: 'together',
  async run(stage, size) {
    const { rounds, ms } = sizes[size]
    const database = await stage.database('together')
    const [serve, work, receiver, load] = await Promise.all([
      launch('serve', database.url),
      launch('work', database.url),
      // Each integration begins with the events published after its registration.
      startReceiver({ startsAnywhere: true }),
      startRemote('bench/publish-load.ts'),
    ])
    let before = 0
    try {
      await publish()
      const runs = await byTurns(rounds, { alone: publish, both: publishAndDeliver })
      const alone = { what: 'publishing over HTTP alone', runs: runs.alone }
      return [compare('publish over HTTP and deliver to 1 webhook', runs.both, alone)]
    } finally {
      await Promise.all([load.stop(), serve.stop(), work.stop(), receiver.stop()])
      await database.drop()
    }

    async function publishAndDeliver(): Promise<number> {
      const id = randomUUID()
      await receiver.reset()
      await register(serve.url, id, `${receiver.url}/${id}`, { delivery })
      const rate = await publish(async (count) => {
        await receiver.reached(count, TIMEOUT_MS)
        await expectWhole(receiver, { count })
      })
      await call(`${serve.url}${EVENTSTREAM}/${id}`, { method: 'DELETE' })
      return rate
    }

    /** Events a second until `arrived` resolves. */
    async function publish(arrived = async (_count: number) => {}): Promise<number> {
      const started = performance.now()
      const options = { url: serve.url, token: ADMIN_TOKEN, connections: CONNECTIONS }
      const sent: Load = { ...options, warmMs: 0, ms }
      const { published } = await load.call<LoadResult>('run', sent)
      const count = published - before
      before = published
      await arrived(count)
      return (count * 1000) / (performance.now() - started)
    }
  },
}
