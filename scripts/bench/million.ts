// A bulk body of a million lines, made on the way: the memory that it takes, and what becomes of it
// when the service is killed in its middle, three times, and the body is sent again.

import { mkdtempSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { sendLines } from '../kit/bulk.ts'
import { guardDirectory, guardProcess } from '../kit/guard.ts'
import { peakMiB as peakOf, residentMiB } from '../kit/memory.ts'
import { query } from '../kit/postgres.ts'
import { startService } from '../kit/service.ts'
import { bulkLine } from './bulk-line.ts'
import { memoryLine, type Scenario } from './scenario.ts'
import { expectStored } from './stored.ts'

const ENTITIES = 64

const sizes = {
  full: { lines: 1_000_000, killAfter: [200_000, 450_000, 700_000] },
  smoke: { lines: 3_000, killAfter: [500, 1_000, 2_000] },
}

export const million: Scenario = {
  name: 'million',
  async run(stage, size) {
    const { lines, killAfter } = sizes[size]
    const database = await stage.database('million')
    const above: number[] = []
    let perSecond = 0
    try {
      for (const killAt of [...killAfter, Infinity]) {
        const life = await send(database.url, lines, killAt)
        above.push(life.peakMiB - life.restMiB)
        perSecond = life.perSecond
        const isKilled = killAt !== Infinity
        if (life.isWhole === isKilled) throw new Error(`The body ended otherwise: ${killAt}.`)
        if (!isKilled && life.answers !== lines) throw new Error(`${life.answers} answers.`)
      }
      await expectStored(database.url, 'event', lines)
      await expectInOrder(database.url)
      const figure = Math.max(...above)
      const what = `serve above rest, ${lines} lines, killed ${killAfter.length} times`
      return [
        { ...memoryLine(what, figure), runs: above, goal: '≤ 150' },
        {
          what: 'bulk publish, the last time, mostly duplicates',
          figure: perSecond,
          unit: 'events/s',
          runs: [perSecond],
        },
      ]
    } finally {
      await database.drop()
    }
  },
}

/** One life of a service: sends the body, and kills it after `killAt` answers. */
async function send(databaseUrl: string, lines: number, killAt: number) {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'millrace-bench-'))
  guardDirectory(dataDir)
  const service = await startService('serve', {
    DATABASE_URL: databaseUrl,
    MILLRACE_DATA_DIR: dataDir,
    MILLRACE_LOG_LEVEL: 'error',
  })
  guardProcess(service.process)
  const pid = service.process.pid as number
  const restMiB = residentMiB(pid)
  const started = performance.now()
  let peakMiB = restMiB
  let answers = 0
  const result = await sendLines(body(lines), {
    url: service.url,
    onAnswer(line) {
      if (line.startsWith('{"error"')) throw new Error(line)
      if (++answers % 1_000 === 0 || answers === killAt) peakMiB = peakOf(pid)
      if (answers === killAt) void service.kill('SIGKILL')
    },
  })
  const perSecond = (answers * 1_000) / (performance.now() - started)
  await service.kill('SIGKILL')
  return { ...result, restMiB, peakMiB, perSecond }
}

function* body(lines: number): Iterable<Buffer> {
  for (let i = 0; i < lines; i++) yield bulkLine(i, ENTITIES)
}

/** Throws if positions have another order than the lines. */
async function expectInOrder(url: string): Promise<void> {
  const { rows } = await query<{ misplaced: number }>(
    url,
    `select count(*)::integer as misplaced
     from (
       select line, row_number() over (order by position) - 1 as nth
       from (
         select position,
           split_part(idempotency_key, ':', 1)::integer
             + ${ENTITIES} * split_part(idempotency_key, ':', 2)::integer as line
         from event
       ) as numbered
     ) as placed
     where line <> nth`,
  )
  if (rows[0]?.misplaced !== 0) throw new Error(`${rows[0]?.misplaced} lines are misplaced.`)
}
