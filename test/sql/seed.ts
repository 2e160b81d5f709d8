// Three days of one retailer, laid by hand so that every answer can be told in advance. The day
// that is asked about is 2026-03-11; one event lies a microsecond before it, one at its very end.

import type pg from 'pg'

/** A moment of March 2026: at('11T06:00:01') */
export const at = (time: string) => `2026-03-${time}Z`

/** The moment as a position. */
export const positionAt = (time: string) => {
  const [, whole, micros = ''] = /^([^.]*)\.?(\d*)$/.exec(time) as unknown as [
    string,
    string,
    string,
  ]
  return (
    Date.parse(at(whole.length === 8 ? `${whole}:00` : whole)) * 1000 +
    Number(micros.padEnd(6, '0'))
  )
}

const EVENTS: [time: string, name: string, entity: string, correlationIds?: string][] = [
  ['10T23:59:59.999999', 'order.created', 'order-0'],
  ['11T00:00', 'order.created', 'order-1'],
  ['11T01:00', 'order.shipped', 'order-1'],
  ['11T02:00', 'invoice.created', 'invoice-1', '{"order_id":"order-1"}'],
  ['11T03:00', 'order.created', 'order-2'],
  ['11T04:00', 'order.created', 'order-3'],
  ['11T05:00', 'order.created', 'order-4'],
  ['11T06:00', 'order.created', 'order-5'],
  ['11T07:00', 'order.created', 'order-6'],
  ['11T08:00', 'order.created', 'order-7'],
  ['11T09:00', 'customer.updated', 'order-1'],
  ['11T10:00', 'order.created', 'order-9', '{"customer_id":"order-1"}'],
  ['12T00:00', 'order.created', 'order-8'],
]

const plain = (url: string, more: object = {}) => ({
  integration_type: 'permanent',
  callback_parameters: { callback_url: url },
  ...more,
})
const erp = (names: string[]) => ({
  integration_type: 'permanent',
  // What looks sealed within a text is none of the secrets.
  callback_parameters: { api_key: 'sealed:1:AAAA+/==', callback_url: 'http://erp/?"sealed:x"' },
  delivery: { headers: { 'x-key': 'sealed:1:BBBB' }, signing_secret: 'sealed:1:CCCC' },
  filter_conditions: { event_filter: names },
})
const temporary = plain('http://temp', {
  integration_type: 'temporary',
  starts_at: at('11T01:00:00'),
  ends_at: at('11T03:00:00'),
})

type Change = [
  ...[time: string, id: string, version: number, action: string, status: string],
  ...[actor: string, reason: string, document: object | null],
]
const CHANGES: Change[] = [
  // An earlier life of the same name: its version 1 takes everything.
  ['08T00:00', 'erp', 1, 'integration_started', 'running', 'zoe', 'First.', plain('http://old')],
  ['09T00:00', 'erp', 2, 'integration_deleted', 'removed', 'zoe', 'Wrong.', null],
  [
    ...(['10T00:00', 'erp', 1, 'integration_started', 'running', 'anna', 'Registered.'] as const),
    erp(['order.created', 'order.shipped']),
  ],
  [
    ...(['11T00:30', 'erp', 2, 'integration_stopped', 'stopped', 'ben', 'Maintenance.'] as const),
    erp(['order.created', 'order.shipped']),
  ],
  [
    ...(['11T00:40', 'erp', 3, 'integration_updated', 'stopped', 'anna', 'Less.'] as const),
    erp(['order.created']),
  ],
  [
    ...(['11T00:50', 'erp', 4, 'integration_started', 'running', 'anna', 'Started.'] as const),
    erp(['order.created']),
  ],
  ['11T00:55', 'erp', 4, 'a_note', 'running', 'millrace', 'Nothing new.', erp(['order.created'])],
  ['11T02:30', 'old', 1, 'integration_started', 'running', 'ben', 'Try.', plain('http://old')],
  ['11T04:30', 'old', 2, 'integration_deleted', 'removed', 'ben', 'Not needed.', null],
  ['10T00:01', 'late', 1, 'integration_started', 'running', 'ben', 'Try.', plain('http://late')],
  [
    ...(['11T00:59', 'late', 2, 'integration_stopped', 'stopped', 'millrace', 'Gone.'] as const),
    plain('http://late'),
  ],
  [
    ...(['11T01:10', 'late', 3, 'integration_updated', 'stopped', 'ben', 'Moved.'] as const),
    plain('http://later'),
  ],
  ['11T12:00', 'temp', 1, 'integration_started', 'running', 'anna', 'Replay.', temporary],
  ['11T12:10', 'temp', 2, 'integration_completed', 'removed', 'millrace', 'All sent.', null],
  ['11T05:30', 'fresh', 1, 'integration_started', 'running', 'anna', 'New.', plain('http://f')],
  ['10T00:02', 'jumped', 1, 'integration_started', 'running', 'anna', 'New.', plain('http://j')],
]

type Receipt = [
  ...[time: string, consumer: string, run: number, version: number, from: string, to: string],
  ...[delivered: number, rejected: number, filtered: number],
]
const RECEIPTS: Receipt[] = [
  ['11T00:00:01', 'erp', 0, 1, '10T00:00', '11T00:00', 2, 0, 0],
  ['11T03:00:01', 'erp', 0, 4, '11T00:00', '11T03:00', 1, 0, 2],
  ['11T04:00:01', 'erp', 0, 4, '11T03:00', '11T04:00', 0, 1, 0],
  ['11T05:00:01', 'erp', 0, 4, '11T04:00', '11T05:00', 0, 1, 0],
  // Delivered out of turn, which moves the low-water mark nowhere.
  ['11T07:00:01', 'erp', 0, 4, '11T05:00', '11T05:00', 1, 0, 0],
  ['12T01:00', 'erp', 7, 4, '10T00:00', '10T23:59:59.999999', 1, 0, 0],
  ['11T03:00:02', 'old', 0, 1, '11T02:30', '11T03:00', 1, 0, 0],
  ['11T12:00:01', 'temp', 1, 1, '11T00:59:59.999999', '11T03:00', 3, 0, 0],
]

type Attempt = [
  ...[time: string, consumer: string, event: string, attempt: number, outcome: string],
  ...[status: number | null, reason: string],
]
const ATTEMPTS: Attempt[] = [
  ['11T04:00:01', 'erp', '11T04:00', 1, 'rejected', 400, 'HTTP status code 400'],
  ['11T05:00:01', 'erp', '11T05:00', 1, 'rejected', 400, 'HTTP status code 400'],
  ['11T06:00:01', 'erp', '11T06:00', 1, 'unavailable', 503, 'HTTP status code 503'],
  ['11T06:00:03', 'erp', '11T06:00', 2, 'unavailable', null, 'connection refused'],
  // The kept one, sent again by hand: it holds up nobody.
  ['11T06:30', 'erp', '11T04:00', 1, 'unavailable', 500, 'HTTP status code 500'],
]

/** Lays it all in the database. */
export async function seed(pool: pg.Pool): Promise<void> {
  for (const table of ['event', 'receipt', 'attempt']) {
    await pool.query(`select create_partition('${table}', day::date, 1)
      from generate_series(date '2026-03-10', date '2026-03-12', '1 day') as day`)
  }
  for (const [time, name, entity, ids = '{}'] of EVENTS) {
    await event(pool, 'dodici', time, name, entity, ids)
  }
  await event(pool, 'another', '11T01:30', 'order.created', 'order-1', '{"order_id":"order-1"}')
  for (const [time, ...change] of CHANGES.toSorted()) {
    await pool.query(
      `insert into config_log (tenant, position, kind, id, version, action, status, actor, reason,
         document) values ('dodici', $1, 'integration', $2, $3, $4, $5, $6, $7, $8)`,
      [positionAt(time), ...change],
    )
  }
  await pool.query(`
    insert into integration
    select distinct on (id) tenant, id, version, status, document, position, position
    from config_log
    where id in ('erp', 'late', 'fresh', 'jumped')
    order by id, position desc`)
  for (const [time, consumer, run, version, from, to, ...counts] of RECEIPTS) {
    await pool.query(
      `insert into receipt values ('dodici', $1, $2, $3, $4, $5, $6, $7, $8, $9, '{}')`,
      [...[positionAt(time), consumer, run, version, positionAt(from), positionAt(to), ...counts]],
    )
  }
  for (const [time, consumer, about, attempt, outcome, status, reason] of ATTEMPTS) {
    await pool.query(
      `insert into attempt values ('dodici', $1, $2, 0, $3, $4, $5, $6, $7, 'Oops')`,
      [...[positionAt(time), consumer, positionAt(about), attempt, outcome, status, reason]],
    )
  }
  await pool.query(
    `insert into replay values
       ('dodici', 'erp', 7, $1, $2, $3, null, null, 'completed', null, 1, false, 1, 0, 0, $3,
        'anna', 'millrace', 'Everything was sent.', $4)`,
    ['12T00:59', '10T00:00:00.000001', '10T23:59:59.999999', '12T01:01'].map(positionAt),
  )
  await pool.query(
    `insert into rejected_event (tenant, consumer, event_position, name, entity_id,
       idempotency_key, payload, status, response, rejected_at)
     values ('dodici', 'erp', $1, 'order.created', 'order-3', 'k', '{}', 400, 'No such shop', $2)`,
    [positionAt('11T04:00'), at('11T04:00:01')],
  )
  await cursor(pool, 'erp', '11T08:00', ['11T06:00', '11T08:00'], 2)
  await cursor(pool, 'late', '10T00:01', [], 0)
  await cursor(pool, 'fresh', '11T06:00', ['11T06:00'], 0)
  await cursor(pool, 'jumped', '11T04:30', [], 0)
  await pool.query(`
    update cursor set retry_at = '2026-03-11T06:00:06Z' where consumer = 'erp';
    update cursor
    set owner = '00000000-0000-4000-8000-000000000001', epoch = 3, lease_until = '2200-01-01'
    where consumer = 'fresh'`)
  await notifications(pool)
}

/** A job whose run has failed, with what it has yet to send, and one that was deleted. */
async function notifications(pool: pg.Pool): Promise<void> {
  await pool.query(
    `insert into notification_job (
       tenant, id, version, document, created_position, changed_position, through_position,
       next_run_at
     )
     select
       'dodici', id, 1,
       jsonb_build_object(
         'notification', 'BACK_IN_STOCK', 'schedule', '0 9 * * *', 'deleted', id = 'gone'
       ),
       1, 1, 1, '2026-03-12T09:00:00Z'
     from unnest(array['back', 'gone']) as id`,
  )
  await pool.query(
    `with run as (
       insert into notification_run (
         tenant, job_id, position, cause, tick_at, state, from_position, to_position, sent, reason,
         started_at, finished_at
       ) values (
         'dodici', 'back', $1, 'schedule', $2, 'failed', 1, 2, 7, 'Refused.', $2, $2
       )
       returning id
     )
     insert into notice (tenant, notification, position, customer_id, item_id, job_id, run_id)
     select 'dodici', 'BACK_IN_STOCK', n, 'c', 'v', 'back', id
     from run, generate_series(1, 3) as n`,
    [positionAt('11T09:00:00'), at('11T09:00:00')],
  )
}

async function event(pool: pg.Pool, tenant: string, time: string, ...rest: string[]) {
  await pool.query(
    `insert into event values
       ($1, $2, $3, $4, 'key-' || $2::bigint, 'team-orders', 'shop', $5, 17, '{"amount": 25.080}')`,
    [tenant, positionAt(time), ...rest],
  )
}

async function cursor(
  pool: pg.Pool,
  consumer: string,
  read: string,
  unresolved: string[],
  attempts: number,
) {
  await pool.query(
    `insert into cursor (tenant, consumer, read_position, unresolved, attempts)
     values ('dodici', $1, $2, $3, $4)`,
    [consumer, positionAt(read), unresolved.map(positionAt), attempts],
  )
}
