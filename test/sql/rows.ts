// The rows of a script, as the command prints them with --json.

import { readCall, runCall } from '../../src/cli/sql.ts'

export type Json = Record<string, unknown>

export async function rowsOf(url: string, ...args: string[]): Promise<Json[]> {
  const lines: string[] = []
  await runCall(url, readCall([...args, '--json']), (line) => lines.push(line))
  return lines.map((line) => JSON.parse(line))
}

/** The rows of events that were published: not those of alerts. */
export const published = (rows: Json[]): Json[] =>
  rows.filter(({ name }) => !String(name).startsWith('millrace.'))

/** Some columns of rows, in the order given. */
export function pick(rows: Json[], ...names: string[]): unknown[][] {
  return rows.map((row) => names.map((name) => row[name]))
}
