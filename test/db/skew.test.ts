// How far two clocks are apart: measured, and logged when that changes class.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import { measureSkew, watchSkew } from '../../src/db/skew.ts'
import type { Logger } from '../../src/logger.ts'
import type { Repeated } from '../../src/repeat.ts'
import { shadowClock } from '../helpers/clock.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()
const lines: { level: string; skewMs: number }[] = []
const log = (level: string) => (fields: { skewMs: number }) => {
  lines.push({ level, skewMs: fields.skewMs })
}
const logger = { info: log('info'), warn: log('warn'), error: log('error') } as unknown as Logger
let setClock: (offset: string) => Promise<void>
let watch: Repeated | undefined

beforeAll(async () => {
  setClock = await shadowClock(database.adminUrl)
})
afterAll(() => watch?.stop())

it.each([
  ['0', 0],
  ['5 s', 5_000],
  ['-2 hours', -7_200_000],
])('measures a clock that is %s off', async (offset, expected) => {
  await setClock(offset)
  expect(Math.abs((await measureSkew(database.pool)) - expected)).toBeLessThan(500)
})

it.each([
  ['5 s', 'warn'],
  ['2 hours', 'error'],
  ['-2 hours', 'error'],
])('logs a clock that is %s off, once, and again when it is right', async (offset, level) => {
  await setClock(offset)
  lines.length = 0
  watch = watchSkew(database.pool, logger, 5)
  await until('it is logged', () => lines.length > 0)
  await setClock('0')
  await until('it is logged again', () => lines.length > 1)
  await watch.stop()
  expect(lines.map((line) => line.level)).toEqual([level, 'info'])
  expect(Math.abs(lines[1]?.skewMs as number)).toBeLessThan(1_000)
})
