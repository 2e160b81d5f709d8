// The fuzz of all operations with a fresh seed. What it rests on: fuzz-parts.test.ts.

import { expect, it } from 'vitest'
import { fuzz, NEVER_TAKEN } from '../../scripts/fuzz/fuzz.ts'
import { summaryOf } from '../../scripts/fuzz/report.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()
const COUNT = 10_000
/** On two cores that have much else to do. */
const TIMEOUT_MS = 900_000

it(
  'finds nothing, and has tried every operation in vain and with success',
  async () => {
    const seed = Math.floor(Math.random() * 1_000_000)
    console.log(`fuzz: seed ${seed}`)
    const report = await fuzz({ seed, count: COUNT, database, say() {} })
    expect(report.findings.lines(), summaryOf(report)).toEqual([])
    const { tallies } = report
    expect(tallies.size).toBeGreaterThan(50)
    const untaken = [...tallies].filter(([, { successes }]) => successes === 0)
    const names = untaken.map(([id]) => id).filter((id) => !NEVER_TAKEN.includes(id))
    expect(names, `never taken\n${summaryOf(report)}`).toEqual([])
    expect([...tallies].filter(([, { refusals }]) => refusals === 0)).toEqual([])
  },
  TIMEOUT_MS,
)
