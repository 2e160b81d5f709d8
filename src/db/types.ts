// How values of Postgres become values of JavaScript. One that cannot be read throws: node-postgres
// makes null of a timestamp that it does not understand, and null means "not revoked, never ends".

import pg from 'pg'
import { UnreadableValue } from './failure.ts'

const { types } = pg
const { builtins } = types

const parsers = new Map<number, (text: string) => unknown>([
  [builtins.INT8, readNumber],
  [1016, (text) => text.slice(1, -1).split(',').filter(Boolean).map(readNumber)], // bigint[]
  [builtins.TIMESTAMPTZ, readTime],
  // A payload is passed on byte for byte: nothing may parse it on the way out.
  [builtins.JSON, (text) => text],
])

/** Parses int8 and int8[] to numbers, timestamptz to dates, and leaves json as the text it is. */
export const typeParsers = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    (format !== 'binary' && parsers.get(oid)) || types.getTypeParser(oid, format as 'text'),
} as unknown as pg.CustomTypesConfig

function readNumber(text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number)) throw new UnreadableValue(`${text} is no exact number.`)
  return number
}

const parseTime = types.getTypeParser(builtins.TIMESTAMPTZ)

function readTime(text: string): Date {
  const time: unknown = parseTime(text)
  if (time instanceof Date && !Number.isNaN(time.getTime())) return time
  throw new UnreadableValue(`${text} is no time in the style of ISO 8601.`)
}
