// The torture's own promises: the schedule of harm is a function of the seed, and every bug that
// `make torture-plants` plants still fits the program.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createFindings } from '../../scripts/kit/findings.ts'
import { createCursorJudge, type Sample } from '../../scripts/torture/cursors.ts'
import { judgeFollower } from '../../scripts/torture/followers.ts'
import { plants } from '../../scripts/torture/planted.ts'
import { type HarmKind, scheduleHarm } from '../../scripts/torture/schedule.ts'

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
  it('has several of each of what is rare in ten minutes, and a failover in one', () => {
    const count = (seconds: number, wanted: HarmKind) =>
      scheduleHarm(1, seconds).filter(({ kind }) => kind === wanted).length
    for (const kind of ['read-only spell', 'failover', 'step the clock'] as const) {
      expect(count(600, kind)).toBeGreaterThanOrEqual(10)
    }
    expect(count(60, 'failover')).toBeGreaterThanOrEqual(1)
  })
  it('lies within the run, in order', () => {
    const times = scheduleHarm(3, 60).map(({ at }) => at)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(times.at(-1)).toBeLessThanOrEqual(60_000)
  })
})

describe('the judge of followers', () => {
  it.each([
    [[1, 2, 3], []],
    [[1, 3], ['not followed']],
    [[1, 2, 2, 3], ['followed twice']],
    [[2, 1, 3], ['followed out of order']],
    [[1, 2, 3, 4], ['followed, and not in the log']],
  ])('finds what is wrong with %j of the log 1, 2, 3', (ids, checks) => {
    const findings = createFindings()
    judgeFollower('a follower', ids, [1, 2, 3], findings)
    expect([...findings.counts().keys()]).toEqual(checks)
  })
})

describe('the judge of cursors', () => {
  /** What it says of samples of one cursor. */
  const judge = (...samples: [Partial<Sample>, number][]) => {
    const findings = createFindings()
    const judge = createCursorJudge(findings)
    samples.forEach(([sample, low_water], index) => {
      const row = { consumer: 'erp', run: 0, epoch: 1, owner: 'a', low_water }
      const standing = { at: index * 50, server: 'first', flushed: 100, inserted: 100 }
      judge.look({ ...standing, rows: [row], ...sample })
    })
    return { broken: findings.counts().get('cursor went back') ?? 0, judge }
  }
  it('finds one that goes back', () => {
    expect(judge([{}, 5], [{}, 4]).broken).toBe(1)
    expect(judge([{}, 5], [{}, 5], [{}, 6]).broken).toBe(0)
  })
  it('lets a crash take back what was not durable, whenever the dying server answered', () => {
    const { broken, judge: judged } = judge(
      [{ inserted: 100 }, 5],
      [{ inserted: 120 }, 6],
      [{ inserted: 140 }, 7],
      [{ server: 'second' }, 5],
      [{ server: 'second' }, 6],
    )
    expect(broken).toBe(0)
    expect(judged.takenBack()).toBe(1)
    expect(judged.mostTakenBackMs()).toBe(50)
  })
  it('finds one that falls below what was durable, however short ago', () => {
    const seen: [Partial<Sample>, number] = [{ inserted: 120 }, 6]
    const flushed: [Partial<Sample>, number] = [{ inserted: 140, flushed: 120 }, 7]
    expect(judge(seen, flushed, [{ server: 'second' }, 6]).broken).toBe(0)
    expect(judge(seen, flushed, [{ server: 'second' }, 5]).broken).toBe(1)
  })
  it('judges anew after a crash', () => {
    expect(judge([{ inserted: 120 }, 6], [{ server: 'b' }, 5], [{ server: 'b' }, 4]).broken).toBe(1)
  })
})

describe('the look-ups of the system under torture', () => {
  const preload = path.join(root, 'scripts/torture/held-lookup.ts')
  /** The names in the order of their answers. */
  const answered = async (...names: string[]) => {
    const code = `import dns from 'node:dns'
      for (const name of ${JSON.stringify(names)}) dns.lookup(name, () => console.log(name))`
    const child = ['--import', preload, '--input-type=module', '--eval', code]
    const { stdout } = await promisify(execFile)(process.execPath, child)
    return stdout.trim().split('\n')
  }
  it('wait behind two silent names, and not behind one', async () => {
    const [one, other, named] = ['1', '2', 'answered'].map((word) => `${word}.torture.test`)
    // The first that is given up makes room.
    const [first] = await answered(`${one}`, `${other}`, `${named}`)
    expect([one, other]).toContain(first)
    expect(await answered(`${one}`, `${named}`)).toEqual([named, one])
  })
})

describe('a plant', () => {
  const changed = plants.flatMap(({ name, changes }) =>
    changes.map((change) => ({ name, ...change })),
  )
  it.each(changed)('fits: $name, in $file', ({ file, find }) => {
    expect(readFileSync(path.join(root, file), 'utf8').split(find)).toHaveLength(2)
  })
  // Without it the program does not start, and the torture shows nothing of the bug.
  it.each(changed)('leaves what others import: $name, in $file', ({ file, find, put }) => {
    const text = readFileSync(path.join(root, file), 'utf8')
    expect(exportsOf(text.replace(find, () => put))).toEqual(exportsOf(text))
  })
})

/** The exported names of a module, sorted. */
function exportsOf(text: string): string[] {
  const found = text.matchAll(
    /^export (?:async )?(?:(?:const|function|class|type) )?(?:\{([^}]*)\}|(\w+))/gm,
  )
  return [...found]
    .flatMap(([, many, one]) => one ?? (many ?? '').split(','))
    .map((name) => name.trim())
    .sort()
}
