// millrace sql [script] [name=value …] [--json]: runs a script of sql/audit, sql/replay or sql/ops
// without psql. A script that only reads runs in a read-only session.

import type pg from 'pg'
import { openClient } from '../db/session.ts'
import { UsageError } from './client.ts'
import { readScripts, type Script } from './script.ts'
import { type Column, jsonLines, type Row, table } from './table.ts'

/** A script and its arguments. */
type Call = { script: Script; values: Map<string, string>; asJson: boolean }

/** Every value as Postgres's text. */
const AS_TEXT = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig

/** Parses the command line. Throws a UsageError that lists every fault. */
export function readCall(args: string[]): Call {
  const [name = '', ...rest] = args.filter((arg) => arg !== '--json')
  const scripts = readScripts()
  const script = scripts.find((candidate) => candidate.name === name.replace(/^sql\/|\.sql$/g, ''))
  if (!script) throw new UsageError(`There is no script ${name}. ${didYouMean(name, scripts)}`)

  const values = new Map<string, string>()
  const faults: string[] = []
  for (const arg of rest) {
    const [, variable, value] = /^(\w+)=(.*)$/s.exec(arg) ?? []
    if (variable === undefined || value === undefined) faults.push(`${arg} is not name=value`)
    else if (values.has(variable)) faults.push(`${variable} is given twice`)
    else if (!script.variables.some((known) => known.name === variable)) {
      faults.push(`${script.name} has no variable ${variable}`)
    } else values.set(variable, value)
  }
  for (const variable of script.variables) {
    if (values.has(variable.name)) continue
    if (variable.default === undefined) faults.push(`${variable.name} is missing`)
    else values.set(variable.name, variable.default)
  }
  if (faults.length > 0) throw new UsageError(`${faults.join('; ')}.\n\n${explain(script)}`)
  return { script, values, asJson: args.includes('--json') }
}

/** Every script with its question. */
export function listScripts(): string {
  const scripts = readScripts()
  const width = Math.max(...scripts.map(({ name }) => name.length))
  const lines = scripts.map(({ name, question }) => `  ${name.padEnd(width)}  ${question}`)
  const how = 'millrace sql <script> name=value … [--json]'
  return `${how}\n\n${lines.join('\n')}\n\nThe files are in sql/; psql runs them too.`
}

/** The result of a statement, in Postgres's own texts. */
type Answer = { columns: Column[]; rows: Row[] }

/**
 * Runs a script on the database at `url` and prints its rows. Returns whether it succeeded;
 * otherwise a row has the reason in its column `refused`. Rejects with node-postgres' error.
 */
export async function runCall(
  url: string,
  call: Call,
  print: (line: string) => void,
): Promise<boolean> {
  const answers = await answersOf(url, call)
  for (const { columns, rows } of answers) {
    for (const line of (call.asJson ? jsonLines : table)(columns, rows)) print(line)
  }
  return !answers.some(({ columns, rows }) => {
    const column = columns.findIndex(({ name }) => name === 'refused')
    return column !== -1 && rows.some((row) => row[column] !== null)
  })
}

/** Runs a script and returns the results of the statements that have one. */
export async function answersOf(url: string, call: Call): Promise<Answer[]> {
  const { script, values } = call
  const client = await openClient(url, `millrace sql ${script.name}`, 'script', { types: AS_TEXT })
  try {
    // Not in one transaction: a script that writes holds the lane, which must not wait for a
    // client.
    const readsOnly = script.effect === 'Reads only.'
    if (readsOnly) await client.query('set default_transaction_read_only = on')
    const answers: Answer[] = []
    for (const { text, names } of script.statements) {
      const parameters = names.map((name) => values.get(name))
      const { fields, rows } = await client.query<Row>({
        text,
        values: parameters,
        rowMode: 'array',
      })
      const columns = fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID }))
      if (columns.length > 0) answers.push({ columns, rows })
    }
    return answers
  } catch (error) {
    throw faultOfTime(error as { code?: string; message: string }, call) ?? error
  } finally {
    await client.end()
  }
}

/** The fault of a variable that Postgres could not read as a time. */
function faultOfTime(
  error: { code?: string; message: string },
  { values }: Call,
): UsageError | undefined {
  if (!['22007', '22008'].includes(error.code ?? '')) return undefined
  const wrong = [...values].find(([, value]) => error.message.endsWith(`: "${value}"`))
  return wrong && new UsageError(`${wrong[0]} is not a time: 2026-11-20, today, yesterday.`)
}

function explain({ name, question, effect, variables }: Script): string {
  const example = variables.map((variable) => `${variable.name}=${variable.example}`).join(' ')
  const lines = variables.map((variable) => `  ${variable.name}: ${variable.meaning}`)
  return [`${name}: ${question} ${effect}`, ...lines, `  millrace sql ${name} ${example}`].join(
    '\n',
  )
}

function didYouMean(name: string, scripts: Script[]): string {
  const similar = scripts.filter((script) => likeness(name, script.name) > 0.4)
  const best = similar.sort((a, b) => likeness(name, b.name) - likeness(name, a.name)).slice(0, 3)
  if (best.length === 0)
    return `There are:\n${scripts.map((script) => `  ${script.name}`).join('\n')}`
  return `Did you mean ${best.map((script) => script.name).join(' or ')}?`
}

/** The share of letter pairs that two names have in common, their folders aside. */
function likeness(given: string, name: string): number {
  const pairs = (text: string) => {
    const base = text.slice(text.lastIndexOf('/') + 1)
    return new Set(Array.from(base.slice(1), (letter, i) => `${base[i]}${letter}`))
  }
  const [a, b] = [pairs(given), pairs(name)]
  return (2 * [...a].filter((pair) => b.has(pair)).length) / (a.size + b.size || 1)
}
