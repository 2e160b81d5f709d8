// The plans inside an append, as auto_explain tells them. A plan that is forbidden, and taken since
// there is no other, costs 1e10 up to PostgreSQL 17: above jit_above_cost, so every append was
// compiled anew (680 to 1,130 us an event instead of 56 to 81). PostgreSQL 18 marks it instead.

import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { useDatabase } from '../helpers/database.ts'

type Plan = { 'Total Cost': number; Disabled?: boolean; Plans?: Plan[] }
type Explained = { 'Query Text': string; Plan: Plan }

const database = useDatabase()
const explained: Explained[] = []
let client: pg.PoolClient

beforeAll(async () => {
  client = await database.admin.pool.connect()
  client.on('notice', ({ message }) => {
    const json = /^duration: .* plan:\n([\s\S]*)$/.exec(message ?? '')?.[1]
    if (json) explained.push(JSON.parse(json) as Explained)
  })
  await client.query(`
    load 'auto_explain';
    set auto_explain.log_min_duration = 0;
    set auto_explain.log_nested_statements = on;
    set auto_explain.log_format = 'json';
    set auto_explain.log_level = 'notice';
    set client_min_messages = 'notice';
    set role millrace_service`)
})
afterAll(() => client.release(true))

const texts = (...words: string[]) => `array['${words.join("', '")}']`
const appendCall = (append: string, keys: string[], payload: string) => `
  select * from ${append}(
    ${['dodici', 'order.created', 'order-1']
      .map((word) => texts(...keys.map(() => word)))
      .join(', ')},
    ${texts(...keys)},
    ${['team', 'shop', '{}', payload].map((word) => texts(...keys.map(() => word))).join(', ')}
  )`
const appendOne = (key: string) => `
  select * from append_event('dodici', 'order.created', 'order-1', '${key}', 't', 's', '{}', '{}')`
const calls = [
  ['a new event', appendOne('h')],
  ['a known event', appendOne('h')],
  ['new events', appendCall('append_events', ['a', 'b'], '{}')],
  ['known events', appendCall('append_events', ['a', 'b'], '{}')],
  ['reused keys', appendCall('append_events', ['a', 'c'], '{"other":1}')],
  ['new collected events', appendCall('append_collected', ['d', 'e'], '{}')],
  ['known and new collected events', appendCall('append_collected', ['d', 'f'], '{}')],
  ['publish_event', `select * from publish_event('dodici', 'order.created', 'o', 'g', '{}')`],
] as const

function refused(plan: Plan): boolean {
  return plan['Total Cost'] > 1e9 || plan.Disabled === true || (plan.Plans ?? []).some(refused)
}

describe('the plans of an append', () => {
  it.each(calls)('are none that was forbidden: %s', async (_, call) => {
    explained.length = 0
    await client.query(call)
    const statements = explained.map((one) => one['Query Text'])
    expect(statements.some((text) => /insert into event /.test(text))).toBe(true)
    expect(explained.filter(({ Plan }) => refused(Plan))).toEqual([])
  })
})
