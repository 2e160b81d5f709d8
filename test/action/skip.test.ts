// Skips: only the event that holds up a stream, kept as rejected, and the stream goes on at once.

import { describe, expect, it } from 'vitest'
import { publish, register } from '../../scripts/kit/client.ts'
import { ok, status } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'

const database = useDatabase()
// No retry is due while a test runs.
const service = useService('start', database, () => ({
  MILLRACE_RETRY_BASE_MS: '60000',
}))
const receiver = useReceiver()

const poison = new Set<number>()
let tenants = 0

/** A tenant of its own with an integration; events of the entities in `failing` get 500. */
async function stage() {
  const tenant = `skips-${++tenants}`
  receiver.answer = (request, response) =>
    poison.has(request.position)
      ? status(500, {}, 'cannot book')(request, response)
      : ok(request, response)
  await register(service.url, 'erp', receiver.url, {}, tenant)
  const { on, ask } = api(service, tenant)
  const path = '/api/v1/org/integrations/eventstream/erp'
  let keys = 0
  const send = async (entityId = 'order-1', isPoison = false) => {
    // Stopped meanwhile, so that the receiver knows the position before the event comes.
    if (isPoison) await on('erp', '/_stop', 'POST')
    const reply = await publish(service.url, {
      tenant,
      entityId,
      key: `k${++keys}`,
      payload: '{"n":1}',
    })
    if (isPoison) {
      poison.add(reply.body.position)
      await on('erp', '/_start', 'POST')
    }
    return reply.body.position
  }
  const skip = (position: number, reason = 'It cannot be booked') =>
    ask('POST', `${path}/_skip`, { position, reason })
  const isInterrupted = () =>
    until('the integration is interrupted', async () => {
      const { body } = await on('erp', '/stats')
      return body['status'] === 'interrupted' && body['failures_in_a_row'] === 1
    })
  const arrived = (position: number) => receiver.received.filter((one) => one.position === position)
  const rejected = async () =>
    (await on('erp', '/rejected_events')).body['rejected_events'] as Record<string, unknown>[]
  const log = async () => (await on('erp', '/logs')).body['entries'] as Record<string, string>[]
  return { tenant, on, ask, path, send, skip, isInterrupted, arrived, rejected, log }
}

describe('a poison order', () => {
  it('is skipped within a second, kept, and delivered by a retry after the repair', async () => {
    const { on, send, skip, isInterrupted, arrived, rejected, log } = await stage()
    const first = await send('order-1', true)
    const second = await send('order-1')
    const other = await send('order-2')
    await isInterrupted()
    expect(arrived(second)).toEqual([])

    const asked = performance.now()
    const reply = await skip(first)
    expect(reply.status).toBe(200)
    await until(
      'the rest arrives',
      () => arrived(second).length > 0 && arrived(other).length > 0,
      1_000,
    )
    expect(performance.now() - asked).toBeLessThan(1_000)

    const [kept] = await rejected()
    expect(kept).toMatchObject({
      id: reply.body['rejected_event_id'],
      position: first,
      cause: 'skipped',
      status: 500,
      response: 'cannot book',
    })
    poison.delete(first)
    const retried = await on('erp', `/rejected_events/${kept?.['id']}/_retry`, 'POST')
    expect(retried.status).toBe(200)
    expect(await rejected()).toEqual([])
    const actions = (await log()).map(({ action }) => action)
    expect(actions).toContain('event_skipped')
    expect(actions).toContain('rejected_event_delivered')
    const { rows } = await database.admin.pool.query(
      `select actor, reason from config_log where action = 'event_skipped' and reason like $1`,
      [`%(position ${first},%`],
    )
    expect(rows).toEqual([
      {
        actor: 'admin token',
        reason: expect.stringMatching(
          /^Skipped order\.created of order-1 \(.*\): It cannot be booked\. Its last .*500/,
        ),
      },
    ])
  })

  it('of a stopped integration is skipped, and a start goes on after it', async () => {
    const { on, send, skip, isInterrupted, arrived } = await stage()
    const first = await send('order-1', true)
    await isInterrupted()
    const second = await send('order-1')
    await on('erp', '/_stop', 'POST')
    expect((await skip(first)).status).toBe(200)
    expect((await on('erp')).body['status']).toBe('stopped')
    expect(arrived(second)).toEqual([])
    await on('erp', '/_start', 'POST')
    await until('the next one arrives', () => arrived(second).length > 0)
    expect(arrived(first)).toHaveLength(1)
  })
})

describe('a skip is refused', () => {
  it('for an event that does not hold up the stream, with the one that does', async () => {
    const { send, skip, isInterrupted } = await stage()
    const before = await send('order-1')
    expect(await skip(before)).toMatchObject({
      status: 409,
      body: { error_code: 'conflict', message: expect.stringContaining('no event does') },
    })
    const failing = await send('order-1', true)
    const behind = await send('order-1')
    await isInterrupted()
    for (const position of [before, behind, 17]) {
      const { status, body } = await skip(position)
      expect(status).toBe(409)
      expect(body['message']).toContain(`the event at position ${failing} does`)
    }
    expect((await skip(failing)).status).toBe(200)
  })

  it('without a reason, and for another tenant', async () => {
    const { ask, path, send, isInterrupted } = await stage()
    const failing = await send('order-1', true)
    await isInterrupted()
    const { status, body } = await ask('POST', `${path}/_skip`, { position: failing })
    expect([status, body['message']]).toEqual([400, expect.stringContaining('reason')])
    const blank = await ask('POST', `${path}/_skip`, { position: failing, reason: '  ' })
    expect([blank.status, blank.body['message']]).toEqual([400, expect.stringContaining('words')])
    const stranger = api(service, 'a-stranger')
    const reply = await stranger.ask('POST', `${path}/_skip`, { position: failing, reason: 'x' })
    expect(reply.status).toBe(404)
  })

  it('if there is no room for another rejected event', async () => {
    const { tenant, send, skip, isInterrupted, rejected } = await stage()
    const failing = await send('order-1', true)
    await isInterrupted()
    await database.admin.pool.query(
      `insert into rejected_event (
         tenant, consumer, run, event_position, name, entity_id, idempotency_key, payload, status,
         response
       ) select $1, 'erp', 0, n, 'order.created', 'order-9', 'k', '{}', 400, ''
       from generate_series(1, 30) as n`,
      [tenant],
    )
    const { status, body } = await skip(failing)
    expect([status, body['error_code']]).toEqual([400, 'too_many_rejected_events'])
    expect(await rejected()).toHaveLength(30)
    await database.admin.pool.query(
      `delete from rejected_event where tenant = $1 and event_position = 1`,
      [tenant],
    )
    // It takes the last room, and the stream goes on.
    expect((await skip(failing)).status).toBe(200)
    const next = await send('order-1')
    await until('the next one arrives', () =>
      receiver.received.some(({ position }) => position === next),
    )
  })
})

describe('several at once', () => {
  it('skip an event once', async () => {
    const { send, skip, isInterrupted, rejected, log } = await stage()
    const failing = await send('order-1', true)
    await isInterrupted()
    const replies = await Promise.all([1, 2, 3].map(() => skip(failing)))
    expect(replies.map((reply) => reply.status).sort()).toEqual([200, 409, 409])
    expect(await rejected()).toHaveLength(1)
    expect((await log()).filter(({ action }) => action === 'event_skipped')).toHaveLength(1)
  })

  it('an attempt that succeeds at the same moment wins', async () => {
    const { on, send, skip, isInterrupted, rejected, arrived } = await stage()
    const failing = await send('order-1', true)
    await isInterrupted()
    let release = () => {}
    receiver.answer = (_, response) => {
      release = () => response.end()
    }
    await on('erp', '/_stop', 'POST')
    await on('erp', '/_start', 'POST')
    await until('it is sent again', () => arrived(failing).length === 2)
    const skipping = skip(failing)
    // The skip waits for the attempt.
    const early = await Promise.race([
      skipping,
      new Promise((resolve) => setTimeout(resolve, 300, 'waits')),
    ])
    expect(early).toBe('waits')
    release()
    expect((await skipping).status).toBe(409)
    expect(await rejected()).toEqual([])
  })

  it('an attempt that fails at the same moment loses', async () => {
    const { on, send, skip, isInterrupted, rejected, arrived } = await stage()
    const failing = await send('order-1', true)
    await isInterrupted()
    let release = () => {}
    receiver.answer = (request, response) => {
      if (request.position !== failing) return ok(request, response)
      release = () => response.writeHead(500).end()
    }
    await on('erp', '/_stop', 'POST')
    await on('erp', '/_start', 'POST')
    await until('it is sent again', () => arrived(failing).length === 2)
    const skipping = skip(failing)
    release()
    expect((await skipping).status).toBe(200)
    expect(await rejected()).toHaveLength(1)
    const next = await send('order-1')
    await until('the next one arrives', () => arrived(next).length > 0)
    expect(arrived(failing)).toHaveLength(2)
  })
})
