// Rows for people, as psql prints them, and for programs, as one JSON object a line. Values are
// Postgres's own texts: nothing is rounded or parsed on the way.

import { printable } from '../input/printable.ts'

/** The name of a column, and the OID of its type. */
export type Column = { name: string; type: number }
export type Row = (string | null)[]

const BOOLEAN = 16
const NUMBERS = new Set([20, 21, 23, 26, 700, 701, 1700])
const JSON_TYPES = new Set([114, 3802])
const TIMESTAMPTZ = 1184

/** The rows as an aligned table with a head and a count. */
export function table(columns: Column[], rows: Row[]): string[] {
  const cells = rows.map((row) => row.map((value) => printable(value ?? '')))
  // Not Math.max(...): a call cannot have a million arguments.
  const widths = columns.map(({ name }, i) =>
    cells.reduce((most, row) => Math.max(most, [...(row[i] as string)].length), name.length),
  )
  const line = (row: string[], isHead: boolean) =>
    row
      .map((cell, i) => {
        const padding = ' '.repeat((widths[i] as number) - [...cell].length)
        const isRight = !isHead && NUMBERS.has(columns[i]?.type as number)
        return isRight ? padding + cell : cell + padding
      })
      .join(' | ')
      .trimEnd()
  return [
    line(
      columns.map(({ name }) => name),
      true,
    ),
    widths.map((width) => '-'.repeat(width)).join('-+-'),
    ...cells.map((row) => line(row, false)),
    rows.length === 1 ? '(1 row)' : `(${rows.length} rows)`,
  ]
}

/** The rows as JSON lines. json is copied as stored; a number keeps its spelling. */
export function jsonLines(columns: Column[], rows: Row[]): string[] {
  return rows.map((row) => {
    const fields = columns.map(
      ({ name, type }, i) => `${JSON.stringify(name)}:${jsonOf(row[i] ?? null, type)}`,
    )
    return `{${fields.join(',')}}`
  })
}

function jsonOf(value: string | null, type: number): string {
  if (value === null) return 'null'
  if (type === BOOLEAN) return value === 't' ? 'true' : 'false'
  if (NUMBERS.has(type) && /^-?[\d.]+$/.test(value)) return value
  // A line break in stored JSON is white space: within a string it is written as \n.
  if (JSON_TYPES.has(type)) return value.replaceAll(/[\r\n]/g, ' ')
  if (type === TIMESTAMPTZ) return JSON.stringify(value.replace(' ', 'T').replace(/\+00$/, 'Z'))
  return JSON.stringify(value)
}
