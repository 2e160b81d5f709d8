// The torture's own promises: the schedule of harm is a function of the seed, and every bug that
// `make torture-plants` plants still fits the program.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { plants } from '../../scripts/torture/planted.ts'
import { scheduleHarm } from '../../scripts/torture/schedule.ts'

const root = path.resolve(import.meta.dirname, '../..')

describe('the schedule of harm', () => {
  it('is the same for a seed, and another for another', () => {
    expect(scheduleHarm(7, 60)).toEqual(scheduleHarm(7, 60))
    expect(scheduleHarm(7, 60)).not.toEqual(scheduleHarm(8, 60))
  })
  it('has 100 kills and 20 crashes of the database in ten minutes', () => {
    const kinds = scheduleHarm(1, 600).map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind.startsWith('kill')).length).toBeGreaterThanOrEqual(100)
    const crashes = kinds.filter((kind) => kind === 'crash the database')
    expect(crashes.length).toBeGreaterThanOrEqual(20)
  })
  it('lies within the run, in order', () => {
    const times = scheduleHarm(3, 60).map(({ at }) => at)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(times.at(-1)).toBeLessThanOrEqual(60_000)
  })
})

describe('a plant', () => {
  const places = plants.flatMap(({ name, changes }) =>
    changes.map((change) => ({ name, ...change })),
  )
  it.each(places)('fits: $name, in $file', ({ file, find }) => {
    expect(readFileSync(path.join(root, file), 'utf8').split(find)).toHaveLength(2)
  })
})
