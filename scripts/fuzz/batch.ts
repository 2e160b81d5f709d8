// A batch of requests over a few connections. Each answer is judged, and then the database. Late
// requests are sent again alone, since the machine may have been busy.

import type pg from 'pg'
import { STOP_WAIT_MS } from '../../src/consumer/stop.ts'
import type { Operation } from '../kit/document.ts'
import type { Findings } from '../kit/findings.ts'
import { describeCase } from './case.ts'
import { HANG_MS, type Judge, othersIn } from './judge.ts'
import { type Request, toBytes } from './message.ts'
import { addId, harvest, makes } from './people.ts'
import { sendRaw } from './raw.ts'
import { type Block, requestOf } from './request.ts'
import { type Outcome, type Stored, stopsFirst } from './stored.ts'
import { type Answer, createWire, type Wire } from './wire.ts'

/** Requests that have the same tenants. */
export const BLOCK = 500
/** Of a block: requests that create what later ones ask for. */
const MAKING = BLOCK / 8
/** Of a batch: exchanges over raw sockets. */
const RAW = 6

export type Tally = { successes: number; refusals: number }

export type Run = {
  url: URL
  pool: pg.Pool
  findings: Findings
  operations: Operation[]
  judge: Judge
  stored: Stored
  wires: Wire[]
  /** By operation: the accepted valid requests, and all refusals. */
  tallies: Map<string, Tally>
  /** Pairs of a caller and another tenant that it has named in stored data. */
  seen: Set<string>
  slowestMs: number
}

/** Sends the requests of [from, end), then compares the database with their answers. */
export async function sendBatch(run: Run, block: Block, from: number, end: number): Promise<void> {
  const outcomes: Outcome[] = []
  const published = { least: 0, most: 0 }
  let next = from
  const sendSome = async (wire: Wire) => {
    while (next < end) {
      const serial = next++
      if (serial - from < RAW) {
        const { least, most } = await sendRaw(run, block, serial)
        published.least += least
        published.most += most
        continue
      }
      // First there must be something to ask for.
      const isFirst = serial % BLOCK < MAKING
      const operations = run.operations.filter(({ id }) => !isFirst || makes(id))
      outcomes.push(await sendOne(run, wire, requestOf(operations, serial, block), block))
    }
  }
  await Promise.all(run.wires.map(sendSome))
  const late = outcomes.filter(isLate)
  for (const outcome of late) outcomes.push(...(await sendAgain(run, outcome)))
  await run.stored.compare(outcomes, published)
  await rejectSome(run, block)
  await holdUpSome(run, block)
}

async function sendOne(run: Run, wire: Wire, request: Request, block: Block): Promise<Outcome> {
  const names = block.tenants.map(({ name }) => name)
  const telling = othersNamedBy(request, names).filter((pair) => !run.seen.has(pair))
  for (const pair of telling) run.seen.add(pair)
  const answer = await wire.send(toBytes(request), { isHead: request.method === 'HEAD' })
  const outcome = { request, answer }
  if (!answer) return outcome
  if (answer.status >= 300) for (const pair of telling) run.seen.delete(pair)
  const report = (check: string, what: string) =>
    run.findings.broke(check, `${what}\n${describeCase(request, answer)}`)
  for (const { check, what } of run.judge.faultsOf(request, answer)) report(check, what)
  const unknown = othersIn(request, answer, names).filter(
    (name) => !run.seen.has(pairOf(request, name)),
  )
  for (const name of unknown) report("another tenant's", name)
  count(run, request, answer)
  harvest(outcome)
  return outcome
}

/** A caller's tenants and the name of another one. */
const pairOf = ({ caller }: Request, name: string) => `${caller.tenants.join()} ${name}`

/** Other tenants whose names the caller may store itself: then its lists may show them. */
function othersNamedBy(request: Request, names: string[]): string[] {
  const body = String(request.body ?? '')
  const others = names.filter((name) => !request.caller.tenants.includes(name))
  return others.filter((name) => body.includes(name)).map((name) => pairOf(request, name))
}

function count(run: Run, { operation, what }: Request, answer: Answer): void {
  const { tallies } = run
  run.slowestMs = Math.max(run.slowestMs, answer.ms)
  const tally = tallies.get(operation.id) ?? { successes: 0, refusals: 0 }
  tallies.set(operation.id, tally)
  if (what === '' && answer.status < 300) tally.successes++
  if (answer.status >= 400) tally.refusals++
}

/** A stop may wait, for a worker to release its lease, and a long poll of at most a second. */
function isLate(outcome: Outcome): boolean {
  const { answer, request } = outcome
  const polledMs = /[?&]wait=1(&|$)/.test(request.target) ? 1_000 : 0
  return !answer || answer.ms > HANG_MS + polledMs + (stopsFirst(outcome) ? STOP_WAIT_MS : 0)
}

/**
 * Repeats requests without an answer, or with a late one, alone and twice: the machine may have
 * been busy.
 */
async function sendAgain(run: Run, { request, answer }: Outcome): Promise<Outcome[]> {
  const again: (Answer | undefined)[] = []
  for (let i = 0; i < 2; i++) {
    const wire = createWire(run.url)
    again.push(await wire.send(toBytes(request), { isHead: request.method === 'HEAD' }))
    wire.close()
  }
  const all = [answer, ...again]
  const isHang = all.every((one) => isLate({ request, answer: one }))
  if (isHang) run.findings.broke('a hang, or no answer', describeCase(request, answer))
  return again.map((one) => ({ request, answer: one }))
}

/** Adds a rejected event to an integration and a subscription of each tenant. */
async function rejectSome({ pool }: Run, { tenants }: Block): Promise<void> {
  for (const tenant of tenants) {
    const integrations = tenant.ids.get('integration_id') ?? []
    const subscriptions = (tenant.ids.get('Id') ?? []).map((id) => `subscription:${id}`)
    const { rows } = await pool.query(
      `insert into rejected_event (
         tenant, consumer, event_position, name, entity_id, idempotency_key, payload, status,
         response
       )
       select
         tenant, id, position_of(clock_timestamp()), 'order.created', tenant, 'key', $3, 400, tenant
       from consumer
       where tenant = $1 and id = any($2)
         and (document ? 'callback_parameters' or kind = 'subscription')
       returning id, consumer`,
      [tenant.name, [...integrations, ...subscriptions], JSON.stringify({ id: tenant.name })],
    )
    for (const { id, consumer } of rows) {
      addId(tenant, 'event_id', id)
      const [owner, isSubscription] = consumer.split(':').toReversed()
      const parameter = isSubscription ? 'Id' : 'integration_id'
      tenant.rejected.push({ parameter, owner, event: id })
    }
    tenant.rejected = tenant.rejected.slice(-10)
  }
}

/** Lets the newest event of each tenant hold up its idle integrations and subscriptions. */
async function holdUpSome({ pool }: Run, { tenants }: Block): Promise<void> {
  for (const tenant of tenants) {
    const { rows } = await pool.query<{ position: number }>(
      `with newest as (
         select position from event where tenant = $1 order by position desc limit 1
       ),
       held as (
         update cursor
         set unresolved = array[newest.position],
           read_position = greatest(read_position, newest.position)
         from newest
         where tenant = $1 and owner is null and run = 0 and cardinality(unresolved) < 2
         returning consumer, newest.position
       ),
       failed as (
         insert into attempt (
           tenant, position, consumer, run, event_position, attempt, outcome, reason
         )
         select $1, position_of(clock_timestamp()), consumer, 0, position, 1, 'unavailable', 'no'
         from held
       )
       select position from newest`,
      [tenant.name],
    )
    for (const { position } of rows) addId(tenant, 'position', String(position))
  }
}
