// Conversion of Postgres values to JavaScript. An unreadable value throws: node-postgres would turn
// an unknown timestamp into null, and null means "not revoked, never ends".

import pg from 'pg'
import { UnreadableValue } from './failure.ts'

const { types } = pg
const { builtins } = types

const parsers = new Map<number, (text: string) => unknown>([
  [builtins.INT8, readNumber],
  [1016, (text) => text.slice(1, -1).split(',').filter(Boolean).map(readNumber)], // bigint[]
  [builtins.TIMESTAMPTZ, readTime],
  // Payloads pass byte for byte, so nothing may parse them on the way out.
  [builtins.JSON, (text) => text],
])

/** Parses int8 and int8[] to numbers and timestamptz to dates; leaves json as text. */
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
