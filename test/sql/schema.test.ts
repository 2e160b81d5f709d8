// sql/schema.sql is what the migrations and functions make, and explains what it shows.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { readSchema } from '../../scripts/schema/catalogue.ts'
import { printSchema } from '../../scripts/schema/print.ts'
import { readFunctions } from '../../src/db/functions.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()

it('is what `make schema` writes', async () => {
  const written = readFileSync(path.resolve('sql/schema.sql'), 'utf8')
  expect(printSchema(await readSchema(database.admin.pool)), 'stale: make schema').toBe(written)
})

it('has a file for each function', async () => {
  const { functions } = await readSchema(database.admin.pool)
  const files = readFunctions().map(({ name }) => name)
  expect(functions.map(({ name }) => name).sort()).toEqual(files.sort())
})

it('says of each table and view what it holds', async () => {
  const { tables, views } = await readSchema(database.admin.pool)
  expect(tables.length).toBeGreaterThan(20)
  const silent = [...tables, ...views].filter(({ comment }) => !comment)
  expect(silent.map(({ name }) => name)).toEqual([])
})
