// The schema as one SQL file for people: comments of the catalogue stand above their objects, and a
// function has the head of its own file.

import { readFunctions } from '../../src/db/functions.ts'
import type { Column, Schema, Sequence, SqlFunction, Table, View } from './catalogue.ts'

const WIDTH = 100
const HEAD = `\
-- The schema as it is after all migrations, for reading: \`make schema\` writes it from the
-- catalogue of a fresh database, and a test fails if it is stale. Tables of the log have partitions
-- by day (event_key: by thirty days), which functions make and drop. graphile_worker, a schema of
-- its own, holds the jobs: hints to look at a cursor, and runs of notification jobs.
`

/** The text of sql/schema.sql. */
export function printSchema({ sequences, tables, views, functions }: Schema): string {
  return [
    HEAD,
    ...sequences.map(printSequence),
    ...tables.map(printTable),
    ...views.map(printView),
    ...functions.map(printFunction),
  ].join('\n')
}

function printSequence({ name, comment }: Sequence): string {
  return [...commentLines(comment, ''), `create sequence ${name};`, ''].join('\n')
}

function printTable(table: Table): string {
  const { name, comment, columns, constraints, partitioning, indexes, triggers } = table
  const lines = [...columns.map(printColumn), ...constraints.map((text) => `  ${plain(text)}`)]
  const partitions = partitioning ? ` partition by ${plain(partitioning)}` : ''
  const statements = [...indexes, ...triggers].map((text) => `${plain(text)};`)
  const body = lines.map((line, index) => (index < lines.length - 1 ? `${line},` : line))
  return [
    ...commentLines(comment, ''),
    `create table ${name} (`,
    ...body,
    `)${partitions};`,
    ...statements,
    '',
  ].join('\n')
}

function printColumn({ definition, comment }: Column): string {
  return [...commentLines(comment, '  '), `  ${plain(definition)}`].join('\n')
}

function printView({ name, comment, query }: View): string {
  return [...commentLines(comment, ''), `create view ${name} as`, query, ''].join('\n')
}

/** A function as in its own file, without the parts that only an upgrade needs. */
function printFunction({ name, definition }: SqlFunction): string {
  const file = readFunctions().find((one) => one.name === name)
  if (!file) return `${definition.trimEnd()};\n`
  return file.text.replace(/^drop function if exists [\s\S]*?;\n+/gm, '')
}

/** In a person's style: lower-case keywords, no redundant casts or quotes. */
function plain(text: string): string {
  const parts = text.split(/('(?:[^']|'')*')/)
  const written = parts.map((part, index) => (index % 2 === 1 ? part : plainCode(part)))
  return written.join('').replace(/('(?:[^']|'')*')::(?:text|name)\b(?!\[)/g, '$1')
}

function plainCode(code: string): string {
  return code
    .replace(/\b[A-Z][A-Z]+\b/g, (word) => word.toLowerCase())
    .replaceAll('public.', '')
    .replaceAll('timestamp with time zone', 'timestamptz')
    .replace(/"(position|substring)"/g, '$1')
    .replace(/ (on) only /g, ' $1 ')
    .replace(/\s+/g, ' ')
}

/** A comment of the catalogue as lines of at most WIDTH columns. */
function commentLines(comment: string | null, indent: string): string[] {
  const lines: string[] = []
  for (const word of comment?.split(/\s+/) ?? []) {
    const last = lines.at(-1)
    if (last && last.length + word.length < WIDTH) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(`${indent}-- ${word}`)
  }
  return lines
}
