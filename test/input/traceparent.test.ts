// traceparent by the standard, in the process and in the database alike.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isSampled, traceparentOf } from '../../src/input/traceparent.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'
const good = `00-${TRACE}-${SPAN}-01`

const cases: [header: string, kept: string | null][] = [
  [good, good],
  [`00-${TRACE}-${SPAN}-00`, `00-${TRACE}-${SPAN}-00`],
  // A flag of the second level of the standard: the trace's id is random.
  [`00-${TRACE}-${SPAN}-02`, `00-${TRACE}-${SPAN}-02`],
  [`00-${TRACE}-${SPAN}-ff`, `00-${TRACE}-${SPAN}-ff`],
  // Later versions.
  [`01-${TRACE}-${SPAN}-01`, good],
  [`cc-${TRACE}-${SPAN}-03-what-the-future-will-be-like`, good],
  [`cc-${TRACE}-${SPAN}-02-`, `00-${TRACE}-${SPAN}-00`],
  [`cc-${TRACE}-${SPAN}-01.what`, null],
  [`ff-${TRACE}-${SPAN}-01`, null],
  // Malformed.
  ['', null],
  ['00', null],
  [`${good}-`, null],
  [`${good}-more`, null],
  [`${good}\n`, null],
  [` ${good}`, null],
  [`${good}, ${good}`, null],
  [good.toUpperCase(), null],
  [`00-${'0'.repeat(32)}-${SPAN}-01`, null],
  [`00-${TRACE}-${'0'.repeat(16)}-01`, null],
  [`00-${TRACE}-${SPAN}-0`, null],
  [`00-${TRACE}-${SPAN}-0g`, null],
  [`0-${TRACE}-${SPAN}-01`, null],
  [`00_${TRACE}_${SPAN}_01`, null],
]

const inDatabase = async (header: string) =>
  (await database.pool.query('select traceparent_of($1) as kept', [header])).rows[0]?.kept

it.each(cases)('%j is kept as %j', async (header, kept) => {
  expect(traceparentOf(header)).toBe(kept)
  expect(await inDatabase(header)).toBe(kept)
})

it('may be missing, or no text', () => {
  expect([undefined, null, 7, {}].map(traceparentOf)).toEqual([null, null, null, null])
})

it('is sampled by its last bit', () => {
  const flags = ['00', '01', '02', '03', 'fe', 'ff']
  expect(flags.map((flag) => isSampled(good.slice(0, -2) + flag))).toEqual([
    ...[false, true, false, true, false, true],
  ])
})

it('is the same to the database, with a few characters changed', async () => {
  const header = fc
    .tuple(
      fc.constantFrom(...cases.map(([text]) => text)),
      fc.array(fc.tuple(fc.nat(60), fc.constantFrom(...'0f-gA \n')), { maxLength: 2 }),
    )
    .map(([text, changes]) =>
      changes.reduce((all, [at, by]) => all.slice(0, at) + by + all.slice(at + 1), text),
    )
  await fc.assert(
    fc.asyncProperty(header, async (text) => {
      expect(await inDatabase(text)).toBe(traceparentOf(text))
    }),
    { numRuns: 500 },
  )
})
