// Times from outside.

import { expect, it } from 'vitest'
import { microsecondsOf } from '../../src/input/time.ts'

it.each([
  ['1970-01-01T00:00:00Z', 0],
  ['1970-01-01t00:00:00.5z', 500_000],
  ['1970-01-01T01:00:00.0000019+01:00', 1],
  ['2026-01-17T12:00:00.000Z', 1_768_651_200_000_000],
])('%s is a time', (text, microseconds) => expect(microsecondsOf(text)).toBe(microseconds))

it.each(['0000-01-01T00:00:00Z', '9999-12-31T23:59:59Z'])('%s is one that a Date says', (text) => {
  const time = microsecondsOf(text) as number
  expect(new Date(Math.floor(time / 1000)).toISOString().slice(0, 4)).toBe(text.slice(0, 4))
})

it.each([
  '2026-12-31T23:59:60Z',
  '2026-01-01T24:00:00Z',
  '2026-02-30T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-01-01T00:60:00Z',
  '2026-01-01',
  '2026-01-01 00:00:00Z',
  '2026-01-01T00:00Z',
  '2026-01-01T00:00:00',
  '2026-01-01T00:00:00.Z',
  '2026-01-01T00:00:00,5Z',
  '2026-01-01T00:00:00+24:00',
  '2026-01-01T00:00:00+0100',
  '0000-01-01T00:00:00+01:00',
  '9999-12-31T23:59:59-01:00',
  '10000-01-01T00:00:00Z',
  '+010000-01-01T00:00:00Z',
  '-000001-01-01T00:00:00Z',
  '2026-01-01T00:00:00Z\n',
  'now',
  '',
])('%j is none', (text) => expect(microsecondsOf(text)).toBeUndefined())
