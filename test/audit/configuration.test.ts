// The property of the configuration's history over HTTP: whatever has been changed, its pages are
// what the audits in SQL say and what a count of its own tells, and the differences lead from one
// document to the next. A random history by the real service; AUDIT_SEED repeats it.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createChance } from '../../scripts/kit/chance.ts'
import { call, EVENTSTREAM } from '../../scripts/kit/client.ts'
import { aSubscription, SUBSCRIPTIONS } from '../../scripts/kit/collector.ts'
import { aJob, JOBS } from '../../scripts/kit/jobs.ts'
import { positionOf } from '../../src/log/position.ts'
import type { Server } from '../../src/server.ts'
import { API_KEYS, startHere } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'
import { asRole } from '../helpers/postgres.ts'
import { type Json, rowsOf } from '../sql/rows.ts'
import {
  applied,
  keepsPosition,
  leftBy,
  loggedId,
  pagesOf,
  recount,
  type Thing,
} from './configuration.ts'

const SEED = Number(process.env['AUDIT_SEED'] ?? Date.now() % 1_000_000)
const STEPS = 250
const TENANTS = ['dodici', 'rival']
const chance = createChance(SEED)

const database = useDatabase()
let service: Server
/** Moments between the steps, as times. */
const moments: string[] = []
beforeAll(async () => {
  service = await startHere(database.url)
  for (let i = 0; i < STEPS; i++) {
    await step(chance.pick(TENANTS))
    if (i % 25 === 0) moments.push(await now())
  }
  moments.push(await now())
})
afterAll(() => service.stop())

/** A moment after everything that has happened: both have the same clock. */
async function now(): Promise<string> {
  const { rows } = await database.pool.query(
    `select to_char(greatest(clock_timestamp(), time_of(last_value)) at time zone 'UTC',
       'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now from lane_position`,
  )
  return rows[0].now
}

/** Changes something of a tenant at random; what is refused changes nothing. */
async function step(tenant: string): Promise<void> {
  const ask = (method: string, path: string, body?: object) =>
    call<Json>(service.url + path, {
      method,
      headers: { tenant },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
  const integration = `${EVENTSTREAM}/${chance.pick(['erp', 'crm'])}`
  const target = () => ({
    callback_url: `https://${chance.pick(['a', 'b'])}.example.com/`,
    api_key: `token of ${chance.whole(1, 3)}`,
  })
  const filters = () => ({ event_filter: chance.sample(['order.created', 'order.closed'], 1) })
  const id = integration.split('/').at(-1)
  const scopes = ['read']
  const actions: (() => Promise<unknown>)[] = [
    () =>
      ask('POST', EVENTSTREAM, {
        id,
        integration_type: 'permanent',
        callback_parameters: target(),
      }),
    () => ask('POST', `${integration}/_stop`),
    () => ask('POST', `${integration}/_start`),
    async () => {
      await ask('POST', `${integration}/_stop`)
      await ask('PATCH', integration, {
        callback_parameters: target(),
        ...(chance.happens(0.5) ? { filter_conditions: filters() } : {}),
      })
    },
    () => ask('DELETE', integration),
    () =>
      database.pool.query(
        `select note_consumer($1, $2, 'a_note', 'millrace', 'It changes nothing.')`,
        [tenant, id],
      ),
    () => ask('POST', SUBSCRIPTIONS, aSubscription({ active: chance.happens(0.5) })),
    () => ask('DELETE', `${SUBSCRIPTIONS}/crm`),
    () => ask('POST', JOBS, aJob()),
    () => ask('PUT', `${JOBS}/back-in-stock`, { template_id: `d-${chance.whole(1, 3)}` }),
    () => ask('DELETE', `${JOBS}/back-in-stock`),
    () =>
      ask('PUT', '/event-types/order.created', {
        schema: { required: chance.sample(['id', 'a/b', 'c~d'], 2) },
        on_violation: 'warn',
      }),
    () => ask('DELETE', '/event-types/order.created'),
    () => ask('POST', API_KEYS, { name: `of ${tenant}`, tenants: [tenant], scopes }),
    () => ask('POST', API_KEYS, { name: 'of both', tenants: TENANTS, scopes }),
    () =>
      call(service.url + API_KEYS, {
        headers: { tenant: '' },
        body: JSON.stringify({ name: 'of every tenant', tenants: ['*'], scopes }),
      }),
    async () => {
      const { body } = await call<{ api_keys: { id: string }[] }>(service.url + API_KEYS, {
        headers: { tenant: '' },
      })
      const key = chance.pick(body.api_keys)
      if (key)
        await call(`${service.url}${API_KEYS}/${key.id}`, {
          method: 'DELETE',
          headers: { tenant: '' },
        })
    },
  ]
  await chance.pick(actions)()
}

const audit = (name: string, ...args: string[]) =>
  rowsOf(asRole(database.url, 'auditor'), name, ...args)

describe.each(TENANTS)(`with the seed ${SEED}, of %s`, (tenant) => {
  const read = (path: string, field: string) =>
    pagesOf(service.url, path, { tenant, field, cursor: field === 'changes' ? 'before' : 'after' })

  it('the changes are those of the audit', async () => {
    const rows = await audit('audit/changes', `tenant=${tenant}`, 'from=yesterday', 'to=tomorrow')
    expect(rows.length).toBeGreaterThan(20)
    expect(rows.map(keepsPosition)).toEqual(await recount(database.admin.pool, tenant))
    const changes = await read('/changes?limit=7', 'changes')
    expect(changes.map(asInAudit)).toEqual(rows.toReversed().map(keepsPosition))

    for (const { kind, id } of changes.slice(0, 20)) {
      const query = `/changes?limit=5&kind=${kind}&id=${id}`
      const own = rows.filter((row) => row['id'] === loggedId({ kind, id }))
      expect((await read(query, 'changes')).map(asInAudit)).toEqual(
        own.toReversed().map(keepsPosition),
      )
    }
    const [from, to] = [moments[2] as string, moments[7] as string]
    const within = rows.filter(({ changed_at }) => {
      const at = positionOf(String(changed_at)) as number
      return at >= (positionOf(from) as number) && at < (positionOf(to) as number)
    })
    const period = `/changes?from=${from}&to=${to}&actor=admin%20token`
    expect((await read(period, 'changes')).map(asInAudit)).toEqual(
      within
        .filter(({ actor }) => actor === 'admin token')
        .toReversed()
        .map(keepsPosition),
    )
  })

  it('the differences lead from what was before to what was after', async () => {
    const changes = await read('/changes', 'changes')
    for (const { before, after, differences } of changes) {
      expect(applied(before ?? {}, differences)).toEqual(after ?? {})
    }
  })

  it('the configuration of a moment is that of the audit', async () => {
    const changes = await recount(database.admin.pool, tenant)
    for (const moment of moments) {
      const rows = await audit('audit/configuration-as-of', `tenant=${tenant}`, `at=${moment}`)
      const shown = await read(`/configuration?limit=3&as_of=${moment}`, 'configuration')
      const sorted = shown.map(configuredAsInAudit).toSorted(byKindAndId)
      expect(sorted).toEqual(rows.map(keepsPosition).toSorted(byKindAndId))
      expect(sorted).toEqual(leftBy(changes, moment).toSorted(byKindAndId))
    }
    const latest = await read('/configuration', 'configuration')
    expect(latest).toEqual(await read(`/configuration?as_of=${moments.at(-1)}`, 'configuration'))
  })

  it('two moments differ by what was changed between them', async () => {
    for (const [i, from] of moments.slice(0, -1).entries()) {
      const to = moments[i + 1] as string
      const [earlier, later] = await Promise.all(
        [from, to].map((moment) => read(`/configuration?as_of=${moment}`, 'configuration')),
      )
      const query = `/configuration/differences?limit=2&from=${from}&to=${to}`
      const changed = await read(query, 'changed')
      const find = (list: Thing[] | undefined, { kind, id }: Thing) => {
        const found = list?.find((one) => one.kind === kind && one.id === id)
        if (!found) return null
        const { kind: _, id: __, ...state } = found
        return state as Json
      }
      const all = Map.groupBy([...(earlier ?? []), ...(later ?? [])], loggedId)
      const differing = [...all.values()].flatMap(([one]) => {
        const [before, after] = [find(earlier, one as Thing), find(later, one as Thing)]
        return before?.['changed_at'] === after?.['changed_at']
          ? []
          : [{ kind: one?.kind, id: one?.id, before, after }]
      })
      const told = changed.map(({ kind, id, before, after }) => ({ kind, id, before, after }))
      expect(told.toSorted(byKindAndId)).toEqual(differing.toSorted(byKindAndId))
      for (const { before, after, differences } of changed) {
        const [old, late] = [before, after].map((state) => (state?.['document'] ?? {}) as Json)
        expect(applied(old ?? {}, differences)).toEqual(late)
      }
    }
  })
})

/** A change with the names of the audit. */
function asInAudit({ position, differences: _, ...change }: Thing) {
  expect(positionOf(String(change['changed_at']))).toBe(position)
  return keepsPosition({ ...change, id: loggedId(change) })
}

function configuredAsInAudit({ name: _, ...configured }: Thing) {
  return keepsPosition({ ...configured, id: loggedId(configured) })
}

function byKindAndId(one: { kind?: unknown; id?: unknown }, other: typeof one): number {
  const keyOf = ({ kind, id }: typeof one) => `${kind} ${id}`
  return keyOf(one) < keyOf(other) ? -1 : 1
}
