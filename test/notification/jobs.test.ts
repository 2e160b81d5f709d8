// The Jobs API: every operation and status, the documented bodies, and who may not.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call } from '../../scripts/kit/client.ts'
import { aJob, JOBS } from '../../scripts/kit/jobs.ts'
import { until } from '../../scripts/kit/until.ts'
import { entities } from '../../src/notification/shop/entity.ts'
import type { Server } from '../../src/server.ts'
import { makeKey, startHere } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()
let service: Server
beforeAll(async () => {
  service = await startHere(database.url)
})
afterAll(() => service.stop())

const ask = (path: string, method: string, body?: unknown, more: { token?: string | null } = {}) =>
  call(`${service.url}${JOBS}${path}`, {
    method,
    // As the collector's clients name the tenant.
    headers: { tenant: '', 'x-twc-tenant': 'dodici' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...more,
  })
const logged = async (id: string) =>
  (
    await database.pool.query(
      `select kind, version, action, status, actor, reason, document ->> 'template_id' as template
       from config_log where id = $1 order by position`,
      [`job:${id}`],
    )
  ).rows

/** The example of the API's document; its schedule is a word that stands for one. */
const EXAMPLE = {
  deleted: true,
  id: 'string',
  is_active: true,
  is_scheduled: true,
  job_parameters: { campaign_id: 'string', utm_medium: 'string' },
  notification: 'BACK_IN_STOCK',
  number_of_items_in_email: 0,
  schedule: '*/5 * * * *',
  scheduleExpression: 'string',
  template_id: 'string',
}

describe('the documented bodies', () => {
  it('come back as they were sent', async () => {
    const created = await ask('', 'POST', EXAMPLE)
    expect(created).toMatchObject({ status: 201, body: { ...EXAMPLE, next_run_at: null } })
    const { id: _, ...update } = { ...EXAMPLE, deleted: false, is_scheduled: false }
    const updated = await ask('/string', 'PUT', update)
    expect(updated).toMatchObject({ status: 200, body: { id: 'string', ...update } })
    expect((await ask('/string', 'POST')).status).toBe(204)
    expect((await ask('/string', 'GET')).body).toMatchObject({ id: 'string', deleted: true })
  })
})

describe('a job', () => {
  it('is created, shown, updated in parts, deleted and brought back', async () => {
    const created = await ask('', 'POST', aJob({ schedule: ' 30  9 * * MON-FRI ' }))
    expect(created.body).toMatchObject({ deleted: false, is_active: true, is_scheduled: true })
    const next = new Date(created.body['next_run_at'] as string)
    expect([next.getUTCHours(), next.getUTCMinutes()]).toEqual([9, 30])
    expect(next.getTime()).toBeGreaterThan(Date.now())
    expect(await ask('/back-in-stock', 'GET')).toMatchObject({ status: 200, body: created.body })

    const update = { template_id: 'd-2', job_parameters: { utm_medium: 'sms' } }
    const updated = await ask('/back-in-stock', 'PUT', { ...update, id: 'back-in-stock' })
    expect(updated.body).toEqual({
      ...created.body,
      template_id: 'd-2',
      job_parameters: { campaign_id: 'autumn', utm_medium: 'sms' },
    })
    expect((await ask('/back-in-stock', 'DELETE')).status).toBe(204)
    expect((await ask('/back-in-stock', 'DELETE')).status).toBe(204)
    const gone = await ask('/back-in-stock', 'GET')
    expect(gone.body).toMatchObject({ deleted: true, template_id: 'd-2', next_run_at: null })
    const list = (await ask('', 'GET')).body as unknown as { id: string; deleted: boolean }[]
    expect(list).toContainEqual(gone.body)
    const back = await ask('/back-in-stock', 'PUT', { deleted: false })
    expect(back.body).toMatchObject({ deleted: false })
    expect(back.body['next_run_at']).not.toBeNull()

    const entry = { kind: 'job', actor: 'admin token' }
    expect(await logged('back-in-stock')).toMatchObject([
      { ...entry, version: 1, action: 'job_created', status: 'running', template: 'd-1' },
      { ...entry, version: 2, action: 'job_updated', status: 'running', template: 'd-2' },
      { ...entry, version: 3, action: 'job_deleted', status: 'removed', template: 'd-2' },
      { ...entry, version: 4, action: 'job_updated', status: 'running', template: 'd-2' },
    ])
  })

  it('gets an id where it has none, and the whole wishlist where it says nothing', async () => {
    const { id: _, number_of_items_in_email: __, ...job } = aJob()
    const { status, body } = await ask('', 'POST', job)
    expect(status).toBe(201)
    expect(body).toMatchObject({ id: expect.stringMatching(/^[0-9a-f-]{36}$/) })
    expect(body).toMatchObject({ number_of_items_in_email: -1 })
  })

  it('has a time zone: nine in Berlin is nine there, and UTC where it says nothing', async () => {
    const inUtc = await ask('', 'POST', aJob({ id: 'zone', schedule: '0 9 * * *' }))
    expect(inUtc.body).toMatchObject({ timezone: 'UTC' })
    expect(inUtc.body['next_run_at']).toMatch(/T09:00:00/)
    const moved = await ask('/zone', 'PUT', { timezone: 'Europe/Berlin' })
    expect(moved.body).toMatchObject({ timezone: 'Europe/Berlin', schedule: '0 9 * * *' })
    const next = new Date(moved.body['next_run_at'] as string)
    expect(next.toLocaleTimeString('en-GB', { timeZone: 'Europe/Berlin' })).toBe('09:00:00')
    expect(await ask('/zone', 'PUT', { timezone: 'Mars/Olympus' })).toMatchObject({
      status: 400,
      body: { message: expect.stringMatching(/^timezone is not .* Europe\/Berlin/) },
    })
    expect((await ask('/zone', 'GET')).body).toEqual(moved.body)
    const { rows } = await database.pool.query(
      `select document ->> 'timezone' as zone
       from config_log where id = 'job:zone' order by position`,
    )
    expect(rows).toEqual([{ zone: 'UTC' }, { zone: 'Europe/Berlin' }])
  })

  it('of an earlier version, which has no time zone, is in UTC', async () => {
    await ask('', 'POST', aJob({ id: 'earlier', schedule: '0 9 * * *' }))
    await database.pool.query(
      `update notification_job set document = document - 'timezone' where id = 'earlier'`,
    )
    expect((await ask('/earlier', 'GET')).body).toMatchObject({ timezone: 'UTC' })
    const updated = await ask('/earlier', 'PUT', { template_id: 'd-2' })
    expect(updated.body).toMatchObject({ timezone: 'UTC', template_id: 'd-2' })
    expect(updated.body['next_run_at']).toMatch(/T09:00:00/)
  })

  it('runs by itself only where it is active, scheduled and not deleted', async () => {
    for (const off of [{ is_active: false }, { is_scheduled: false }, { deleted: true }]) {
      const { body } = await ask('', 'POST', { ...aJob(off), id: `off-${Object.keys(off)[0]}` })
      expect(body['next_run_at']).toBeNull()
    }
  })

  it('is asked to run: 201, and the same one while that is not over', async () => {
    await ask('', 'POST', aJob({ id: 'asked' }))
    const first = await ask('/asked/_run', 'POST')
    expect(first).toMatchObject({ status: 201, body: { state: 'queued', cause: 'manual' } })
    expect((await ask('/asked/_run', 'POST')).body).toEqual(first.body)
    expect((await ask('/asked/runs', 'GET')).body).toEqual({ runs: [first.body] })
    // The hint to the runner follows the answer.
    await until('the runner was asked', async () => {
      const { rows } = await database.pool.query(
        `select task_identifier from graphile_worker.jobs where key = 'notify:dodici/asked'`,
      )
      return rows.length === 1 && rows[0].task_identifier === 'notify'
    })
    await ask('/asked', 'PUT', { is_active: false })
    expect(await ask('/asked/_run', 'POST')).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('is_active') },
    })
    await ask('/asked', 'DELETE')
    expect((await ask('/asked/_run', 'POST')).status).toBe(400)
  })
})

describe('bad input', () => {
  const refused: [string, object, RegExp][] = [
    ['cron', { schedule: 'every day' }, /schedule must have 5 fields/],
    ['an hour', { schedule: '0 25 * * *' }, /schedule is not a cron schedule/],
    ['six fields', { schedule: '0 0 9 * * *' }, /schedule must have 5 fields/],
    ['a nickname', { schedule: '@daily' }, /schedule must have 5 fields/],
    ['a day that never comes', { schedule: '0 9 31 2 *' }, /schedule never matches/],
    ['a place', { timezone: 'Europe/Nowhere' }, /timezone is not the IANA name of a time zone/],
    ['an offset', { timezone: '+01:00' }, /timezone is not the IANA name of a time zone/],
    ['notification', { notification: 'SALE' }, /notification must be one of BACK_IN_STOCK/],
    ['no notification', { notification: undefined }, /notification is missing/],
    ['no template', { template_id: undefined }, /template_id is missing/],
    ['an empty template', { template_id: '' }, /template_id/],
    ['a count', { number_of_items_in_email: -2 }, /number_of_items_in_email must be >= -1/],
    ['half an item', { number_of_items_in_email: 1.5 }, /number_of_items_in_email/],
    ['an unknown field', { template: 'd-1' }, /template is not known/],
    ['an unknown parameter', { job_parameters: { utm: 'x' } }, /job_parameters.utm is not known/],
    ['an id', { id: '../jobs' }, /id/],
  ]
  it.each(refused)('%s: 400 that names it: %j', async (_, change, message) => {
    const reply = await ask('', 'POST', aJob({ id: 'bad', ...change }))
    expect(reply).toMatchObject({ status: 400, body: { error_code: 'invalid_request' } })
    expect(reply.body['message']).toMatch(message)
    expect((await ask('/bad', 'GET')).status).toBe(404)
  })

  it('an id that is taken, another id, no JSON, no tenant: 400', async () => {
    await ask('', 'POST', aJob({ id: 'taken' }))
    const taken = await ask('', 'POST', aJob({ id: 'taken' }))
    expect(taken).toMatchObject({ status: 400, body: { message: expect.stringMatching(/^id /) } })
    const moved = await ask('/taken', 'PUT', { id: 'other' })
    expect(moved).toMatchObject({ status: 400, body: { message: 'id cannot be changed.' } })
    const bad = await ask('/taken', 'PUT', { schedule: '61 * * * *' })
    expect(bad).toMatchObject({
      status: 400,
      body: { message: expect.stringMatching(/^schedule/) },
    })
    expect((await call(service.url + JOBS, { body: '{' })).status).toBe(400)
    expect((await call(service.url + JOBS, { headers: { tenant: '' } })).status).toBe(400)
  })

  it('an unknown job: 404; a method that the path has not: 405', async () => {
    for (const [method, path] of [
      ['GET', '/none'],
      ['PUT', '/none'],
      ['DELETE', '/none'],
      ['POST', '/none'],
      ['POST', '/none/_run'],
      ['GET', '/none/runs'],
    ] as const) {
      const reply = await ask(path, method, method === 'PUT' ? {} : undefined)
      expect([method, path, reply.status]).toEqual([method, path, 404])
    }
    expect((await ask('', 'PUT', {})).status).toBe(405)
  })
})

describe('access', () => {
  it('needs a token (401), its scope and its tenant (403)', async () => {
    const read = await makeKey(service.url, { scopes: ['read'] })
    const rival = await makeKey(service.url, { tenants: ['rival'], scopes: ['configure'] })
    expect((await ask('', 'GET', undefined, { token: null })).status).toBe(401)
    expect((await ask('', 'GET', undefined, { token: read.token })).status).toBe(200)
    expect((await ask('', 'POST', aJob(), { token: read.token })).status).toBe(403)
    expect((await ask('/taken', 'GET', undefined, { token: rival.token })).status).toBe(403)
    const own = await call(`${service.url}${JOBS}/taken`, {
      token: rival.token,
      headers: { tenant: 'rival' },
    })
    expect(own.status).toBe(404)
  })
})

describe('the first job of a tenant', () => {
  it('begins the projections of its shop, with what they read', async () => {
    const { rows } = await database.pool.query(
      `select document, read_position from consumer
       join cursor on cursor.tenant = consumer.tenant and cursor.consumer = consumer.id
       where consumer.tenant = 'dodici' and kind = 'projection'`,
    )
    const entity_filter = Object.keys(entities)
    expect(rows).toEqual([{ document: { filter_conditions: { entity_filter } }, read_position: 0 }])
  })
})
