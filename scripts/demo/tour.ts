// The tour, step by step, in the order of its output. Each step announces itself, acts on the real
// service, and claims the result; the first false claim ends the tour with its sentence.

import { styleText } from 'node:util'
import { until } from '../kit/until.ts'
import { claim, type Published } from './check.ts'
import { createClient } from './client.ts'
import type { RetailEvent } from './event.ts'
import { businessDay } from './retail.ts'
import { TENANT } from './shop.ts'
import {
  caughtUp,
  claimWhole,
  counts,
  expectedOf,
  publishAll,
  register,
  type Stage,
  type Target,
  takes,
} from './stage.ts'
import { summaryOf } from './summary.ts'
import { breakOnOne, sayAlert } from './trouble.ts'

const SEED = 12
const REFUSALS = 4
const DAY_MS = 86_400_000

/**
 * Resolves when every step is done and all claims hold; rejects with the sentence of a false claim.
 */
export async function takeTour(options: {
  url: Promise<string>
  adminToken: string
  retryBaseMs: number
  say: (line: string) => void
}): Promise<void> {
  const { say } = options
  const title = (text: string) => say(`\n${styleText('bold', text)}`)
  const yesterday = new Date(Date.now() - DAY_MS).toISOString().slice(0, 10)
  const day = businessDay({ seed: SEED, date: yesterday })
  const [morning, noon, afternoon, later, evening] = inParts(day)
  say(`A day at "${TENANT}", a retailer that does not exist: ${day.length} events.`)

  title('1  The service: millrace start, with an embedded PostgreSQL in a temporary directory')
  const began = performance.now()
  const url = await options.url
  say(`   millrace ready ${url}, ${seconds(performance.now() - began)} after the start`)

  title('2  Three integrations with a receiver each, and one that hears of their troubles')
  const client = createClient({ url, token: options.adminToken, tenant: TENANT })
  const join = (id: string, ...entities: string[]) => register({ client, say }, { id, entities })
  const stage: Stage = {
    client,
    say,
    published: [],
    erp: await join('erp'),
    finance: await join('finance', 'payment_account'),
    warehouse: await join(
      'warehouse',
      ...['fulfillment_request', 'inventory_transaction', 'inventory_count'],
    ),
    onCall: await join('on-call', 'millrace'),
  }

  title(`3  The morning, ${span(morning)}: everyone receives its share at once`)
  say('   Arrivals: event, time since its publication, webhook-id:')
  await deliver(stage, morning)

  title(`4  Noon, ${span(noon)}: a publisher that is not sure publishes again`)
  await publishTwice(stage, noon)

  title(`5  The afternoon, ${span(afternoon)}: the warehouse is down and answers 503`)
  const waits = [1, 2, 4].map((times) => times * options.retryBaseMs).join(', ')
  say(`   Retries wait ${waits} ms, … or a little more; by default they begin with 1.2 s.`)
  await goDown(stage, afternoon)

  title(`6  Later, ${span(later)}: finance is stopped, and started again`)
  await stopAndStart(stage, later)

  title(
    `7  The evening, ${span(evening)}: one event breaks the warehouse, which goes on without it`,
  )
  await breakOnOne(stage, evening)

  title('8  Replay: a new integration that starts in the past receives the whole day again')
  const lake = await replay(stage)

  title('9  The day in figures: times from publication to the receiver (header millrace-position)')
  sumUp(stage, lake)
}

async function deliver(stage: Stage, events: RetailEvent[]): Promise<void> {
  const { erp, finance, warehouse, say } = stage
  erp.receiver.showNext(5)
  finance.receiver.showNext(2)
  warehouse.receiver.showNext(2)
  await publishAll(stage, events)
  await caughtUp(stage, erp, finance, warehouse)
  say(`   … and so on: ${events.length} events published; ${counts(stage)} have arrived.`)
}

async function publishTwice(stage: Stage, events: RetailEvent[]): Promise<void> {
  const { client, erp, finance, warehouse, published, say } = stage
  const first = published.findLast(({ name }) => name === 'order.created') as Published

  const again = await client.publish(first, first.text)
  claim(again.status === 201, `The same event published again was answered ${again.status}.`)
  claim(
    again.duplicate && again.position === first.position,
    'The same event published again was not recognised as a duplicate.',
  )
  say(`   ${first.name}, the same key: 201, duplicate: true, position ${again.position}`)

  const changed = await client.publish(first, JSON.stringify({ ...first.payload, grand_total: 0 }))
  claim(
    changed.status === 400 && changed.code === 'idempotency_key_reused',
    `The same key with another payload was answered ${changed.status}, not 400.`,
  )
  say(`   ${first.name}, the same key with another total: 400, ${changed.code}`)

  await publishAll(stage, events)
  await caughtUp(stage, erp, finance, warehouse)
  const arrivals = erp.receiver.taken.filter(
    ({ name, body }) => name === first.name && body.endsWith(`,"payload":${first.text}}`),
  )
  claim(arrivals.length === 1, `The event published twice arrived ${arrivals.length} times.`)
  say(`   ${events.length} events later it has arrived once: ${counts(stage)}.`)
}

async function goDown(stage: Stage, events: RetailEvent[]): Promise<void> {
  const { erp, finance, warehouse, say } = stage
  const { receiver } = warehouse
  const before = receiver.taken.length
  const hadBefore = receiver.positions.size
  receiver.isDown = true
  // Alone at first, so that the refusals below belong to this event, and not to another one in
  // flight.
  const first = events.findIndex((event) => takes(warehouse, event))
  await publishAll(stage, events.slice(0, first + 1))
  await until('the warehouse is sent its event again', () => receiver.refused.length > 1)
  await publishAll(stage, events.slice(first + 1))
  await caughtUp(stage, erp, finance)
  await until(`${REFUSALS} refusals by the warehouse`, () => receiver.refused.length >= REFUSALS)
  await sayAlert(stage, warehouse, 'millrace.integration_interrupted')

  const refused = new Set(receiver.refused.map(({ webhookId }) => webhookId))
  const waiting = expectedOf(stage, warehouse).length - hadBefore
  claim(refused.size === 1, `While the warehouse was down ${refused.size} events were sent to it.`)
  claim(receiver.taken.length === before, 'The warehouse got past an event that it refused.')
  say(`   It is always the oldest event that is tried, and ${waiting - 1} wait behind it.`)
  say('   erp and finance have all of theirs. Now the warehouse is up again:')

  receiver.showNext(2)
  receiver.isDown = false
  await caughtUp(stage, warehouse)
  const next = receiver.taken[before]?.webhookId
  claim(refused.has(`${next}`), 'The refused event was not the next to arrive.')
  await sayAlert(stage, warehouse, 'millrace.integration_recovered')
  claimWhole(stage, warehouse)
  say(`   … all ${waiting} have arrived, the refused one first, each entity's in order.`)
}

async function stopAndStart(stage: Stage, events: RetailEvent[]): Promise<void> {
  const { client, erp, finance, warehouse, say } = stage
  const before = finance.receiver.positions.size
  const status = await client.stop(finance.id)
  claim(status === 'stopped', `After _stop the status of finance is ${status}.`)
  await publishAll(stage, events)
  await caughtUp(stage, erp, warehouse)
  const missed = expectedOf(stage, finance).length - before
  claim(missed > 0, 'Nothing was published that finance could miss.')
  claim(finance.receiver.positions.size === before, 'Finance received events while it was stopped.')
  say(`   POST …/finance/_stop: stopped. ${events.length} events are published: erp and warehouse`)
  say(`   have theirs, finance has received none of its ${missed}.`)

  const began = performance.now()
  claim((await client.start(finance.id)) === 'running', 'After _start finance does not run.')
  await caughtUp(stage, finance)
  const took = Math.round(performance.now() - began)
  say(`   POST …/finance/_start: running. Within ${took} ms the ${missed} have arrived.`)
}

async function replay(stage: Stage): Promise<Target> {
  const { erp, published, say } = stage
  const [first] = published as [Published]
  const startsAt = new Date(Math.floor(first.position / 1000) - 1_000).toISOString()
  const began = performance.now()
  const lake = await register(stage, { id: 'lake', entities: [], startsAt })
  lake.receiver.showNext(2)
  await caughtUp(stage, lake)
  const took = performance.now() - began

  const idsOf = ({ receiver }: Target) => new Set(receiver.taken.map(({ webhookId }) => webhookId))
  const [now, then] = [idsOf(lake), idsOf(erp)]
  const isSame = now.size === then.size && [...now].every((id) => then.has(id))
  claim(isSame, 'The replay did not carry the webhook-ids of the first delivery.')
  say(`   … ${now.size} events in ${seconds(took)}, under the same webhook-ids as the first time.`)
  return lake
}

function sumUp(stage: Stage, lake: Target): void {
  const { erp, finance, warehouse, published, say } = stage
  const row = (target: Target, note = '') => {
    claimWhole(stage, target)
    const { id, receiver } = target
    const isLive = target !== lake
    return { id, receiver, expected: expectedOf(stage, target).length, isLive, note }
  }
  const table = summaryOf([
    row(erp),
    row(finance, 'its p99 waited while it was stopped'),
    row(warehouse, 'its p99 waited while it was down'),
    row(lake, 'a replay'),
  ])
  for (const line of table) say(`   ${line}`)
  say(`\n   ${published.length} events published, 1 duplicate recognised, 1 reused key refused.`)
  say('   Checked for every event and receiver: nothing lost, nothing foreign, each entity in')
  say('   order, payloads byte for byte as they were published.\n')
}

function inParts(events: RetailEvent[]) {
  const at = (part: number) => Math.round((events.length * part) / 5)
  const part = (index: number) => events.slice(at(index), at(index + 1))
  return [part(0), part(1), part(2), part(3), part(4)] as const
}

/** "06:31 to 10:02" */
function span(events: RetailEvent[]): string {
  return [events.at(0), events.at(-1)].map((event) => event?.at.slice(11, 16)).join(' to ')
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`
}
