// Publishing on a server that compiles expensive statements, as PostgreSQL 15 to 17 do by default:
// a statement of the append that the planner takes for expensive is compiled for every batch.

import { findServer, hasJit, startInstalled } from '../kit/cluster.ts'
import { startRemote } from '../kit/remote.ts'
import { launch } from './process.ts'
import { contender, inTurn } from './publish.ts'
import { compare, type Scenario } from './scenario.ts'
import { openStage } from './stage.ts'
import { expectStored } from './stored.ts'

const MAJOR = 15
const CONNECTIONS = 64

export const jit: Scenario = {
  name: 'jit',
  async run(_, size) {
    const bin = findServer(MAJOR)
    if (!bin || !hasJit(bin)) {
      throw new Error(`There is no PostgreSQL ${MAJOR} with a JIT compiler: install Debian's.`)
    }
    const stage = await openStage((directory) => startInstalled(bin, directory))
    const load = await startRemote('bench/publish-load.ts')
    const serve = async (setting: 'on' | 'off') => {
      const database = await stage.database(`jit_${setting}`, { jit: setting })
      const service = await launch('serve', database.url)
      return { service, database, publish: contender(load, size, service.url, CONNECTIONS) }
    }
    const [on, off] = await Promise.all([serve('on'), serve('off')])
    try {
      const rates = await inTurn(size, { on: on.publish, off: off.publish })
      for (const { database, publish } of [on, off]) {
        await expectStored(database.url, 'event', publish.results.at(-1)?.published)
      }
      const against = { what: 'the same with jit = off', runs: rates.off }
      return [compare(`publish, PostgreSQL ${MAJOR}, jit = on`, rates.on, against, '≥ 0.9')]
    } finally {
      await Promise.all([load.stop(), on.service.stop(), off.service.stop()])
      await stage.close()
    }
  },
}
