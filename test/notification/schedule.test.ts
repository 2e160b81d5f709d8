// When a schedule comes: in UTC, and in a time zone over both changes of its clocks.

import { describe, expect, it } from 'vitest'
import { faultOfSchedule, isTimezone, nextRun } from '../../src/notification/schedule.ts'

const at = (time: string) => Date.parse(time)

/** The first `count` times of a schedule after `from`. */
function timesOf(schedule: string, timezone: string, from: string, count: number): string[] {
  const times: number[] = []
  while (times.length < count) {
    times.push(nextRun({ schedule, timezone }, times.at(-1) ?? at(from)) as number)
  }
  return times.map((time) => new Date(time).toISOString().replace(':00.000Z', 'Z'))
}

describe('in UTC', () => {
  it.each([
    ['0 9 * * *', '2026-03-01T08:59:59Z', '2026-03-01T09:00:00Z'],
    ['0 9 * * *', '2026-03-01T09:00:00Z', '2026-03-02T09:00:00Z'],
    ['*/15 * * * *', '2026-12-31T23:50:00Z', '2027-01-01T00:00:00Z'],
    ['30 2 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T02:30:00Z'],
    // Whatever the clocks of a place do on that night.
    ['30 2 * * *', '2026-03-29T00:00:00Z', '2026-03-29T02:30:00Z'],
    ['0 9 * * 1-5', '2026-11-20T10:00:00Z', '2026-11-23T09:00:00Z'],
  ])('%s after %s comes at %s', (schedule, after, expected) => {
    expect(faultOfSchedule(schedule, at(after))).toBeUndefined()
    expect(nextRun({ schedule, timezone: 'UTC' }, at(after))).toBe(at(expected))
  })
})

describe('in Berlin', () => {
  // On 2027-03-28 the clock goes from 02:00 to 03:00, on 2027-10-31 from 03:00 back to 02:00.
  it.each([
    ['nine stays nine in spring', '0 9 * * *', '2027-03-27T00:00Z', ['27T08', '28T07', '29T07']],
    ['nine stays nine in autumn', '0 9 * * *', '2027-10-30T00:00Z', ['30T07', '31T08', '01T08']],
    [
      'a skipped time: right after',
      '30 2 * * *',
      '2027-03-27T00:00Z',
      ['27T01:30', '28T01', '29T00:30'],
    ],
    [
      'a repeated time: once',
      '30 2 * * *',
      '2027-10-30T00:00Z',
      ['30T00:30', '31T00:30', '01T01:30'],
    ],
    ['each hour in spring', '0 * * * *', '2027-03-27T23:30Z', ['28T00', '28T01', '28T02']],
    ['each hour in autumn', '0 * * * *', '2027-10-30T23:30Z', ['31T00', '31T01', '31T02']],
    [
      'weekdays are those of the place',
      '30 0 * * 1',
      '2027-06-06T12:00Z',
      ['06T22:30', '13T22:30'],
    ],
  ])('%s', (_, schedule, from, expected) => {
    const times = timesOf(schedule, 'Europe/Berlin', from, expected.length)
    const short = times.map((time) => time.slice(8, -1).replace(/:00$/, ''))
    expect(short).toEqual(expected)
  })
})

it('a name is one of IANA, whatever its case, and no offset', () => {
  const known = ['UTC', 'Europe/Berlin', 'europe/berlin', 'America/Argentina/Ushuaia', 'Etc/GMT+1']
  const unknown = ['', 'Europe/Nowhere', '+01:00', 'GMT+1', '../etc', 'Europe/Berlin ', 'Berlin']
  expect(known.filter((name) => !isTimezone(name))).toEqual([])
  expect(unknown.filter(isTimezone)).toEqual([])
})
