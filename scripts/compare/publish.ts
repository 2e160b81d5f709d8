// Publishing, one event a request, over 64 connections: events a second, and the CPU of the service
// and of Postgres that one takes.

import type { LoadResult } from '../bench/publish-load.ts'
import { compare } from '../bench/scenario.ts'
import { ADMIN_TOKEN } from '../kit/client.ts'
import { byTurns } from '../kit/measure.ts'
import { startRemote } from '../kit/remote.ts'
import type { Comparison } from './comparison.ts'
import { both, lineOf, migratedBy, type Name, postgresCpu, startSide } from './side.ts'

const LOAD = { token: ADMIN_TOKEN, connections: 64, warmMs: 200 }
const MS = 1_500
const WARM_UP_MS = 4_000

export const publish: Comparison = {
  name: 'publish',
  async run(programs, { serverUrl, rounds }) {
    const load = await startRemote('bench/publish-load.ts')
    const bare = await startRemote('compare/bare-server.ts')
    const bareUrl = await bare.call<string>('start')
    const sides = await both(async (name) => {
      const database = await migratedBy(programs[name], serverUrl)
      return startSide(programs[name], database, ['serve'])
    })
    const postgres = await postgresCpu(serverUrl)
    const cpu: Record<Name, number[]> = { before: [], after: [] }
    const run = (url: string, ms: number) => load.call<LoadResult>('run', { ...LOAD, url, ms })
    const all = { before: 0, after: 0 }
    const turn =
      (name: Name, ms = MS) =>
      async () => {
        const { url, cpuUs } = sides[name]
        const used = cpuUs() + postgres()
        const { perSecond, published } = await run(url, ms)
        cpu[name].push((cpuUs() + postgres() - used) / (published - all[name]))
        all[name] = published
        return perSecond
      }
    try {
      await byTurns(1, { before: turn('before', WARM_UP_MS), after: turn('after', WARM_UP_MS) })
      await run(bareUrl, WARM_UP_MS)
      for (const name of ['before', 'after'] as const) cpu[name].length = 0
      const bareTurn = async () => (await run(bareUrl, MS)).perSecond
      const turns = { before: turn('before'), after: turn('after'), bare: bareTurn }
      const rates = await byTurns(rounds, turns)
      const what = 'publish, 64 connections'
      return [
        lineOf(what, 'events/s', rates),
        compare(what, rates.after, { what: 'a bare node:http server', runs: rates.bare }),
        lineOf('publish, CPU of serve and Postgres', 'µs/event', cpu),
      ]
    } finally {
      await Promise.all([sides.before.stop(), sides.after.stop(), load.stop(), bare.stop()])
    }
  },
}
