// The property of the audits: whatever has happened, they say what the targets really took and what
// became of everything else. A random history by the real service, then each audit against a count
// of its own (recount.ts). AUDIT_SEED repeats the steps of a
// history, not how they fall between those of the worker.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call } from '../../scripts/kit/client.ts'
import { type Receiver, startReceiver } from '../../scripts/kit/receiver.ts'
import type { Broker } from '../helpers/broker.ts'
import { startBroker } from '../helpers/broker.ts'
import { useDatabase } from '../helpers/database.ts'
import { asRole } from '../helpers/postgres.ts'
import { type Service, startService } from '../helpers/service.ts'
import { rowsOf } from '../sql/rows.ts'
import { createHistory, type History, QUEUE_IDS } from './history.ts'
import { deliveriesOf, missedIn, missedOf, pathOf } from './over-http.ts'
import {
  configurationOf,
  countsOf,
  endBefore,
  filterBehind,
  livesOf,
  ownRunOf,
  type Rows,
  rowsAbout,
  statesOf,
  takes,
} from './recount.ts'

const SEED = Number(process.env['AUDIT_SEED'] ?? Date.now() % 1_000_000)
const ROUNDS = 4
const STEPS = 40
/** Events of a round that the API is asked about. */
const EVENTS_ASKED = 40

const database = useDatabase()
let receiver: Receiver
let broker: Broker
let service: Service
let history: History
const environment = () => ({
  DATABASE_URL: database.url,
  MILLRACE_RETRY_BASE_MS: '4',
  MILLRACE_SWEEP_MS: '100',
})
beforeAll(async () => {
  receiver = await startReceiver()
  broker = await startBroker()
  for (const id of QUEUE_IDS) broker.createQueue(id)
  service = await startService('serve', environment())
  history = createHistory(SEED, { url: service.url, receiver, broker })
})
afterAll(async () => {
  await service.kill('SIGTERM')
  await Promise.all([receiver.close(), broker.close()])
})

const PERIOD = ['tenant=dodici', 'from=yesterday', 'to=tomorrow']
const ask = (name: string, id: string) =>
  rowsOf(asRole(database.url, 'auditor'), name, ...PERIOD, `integration=${id}`)

describe(`with the seed ${SEED}`, () => {
  for (let round = 1; round <= ROUNDS; round++) {
    it(`the audits agree with what happened, ${round}`, async () => {
      const worker = await startService('work', environment())
      try {
        for (let i = 0; i < STEPS; i++) await history.step()
      } finally {
        // What it leaves stands still while it is looked at.
        await worker.kill('SIGTERM')
      }
      noteQueues()
      for (const id of history.ids) await agree(id)
      await agreeOnEvents()
    })
  }
})

/** Whatever arrived in a queue was taken. */
function noteQueues(): void {
  const { taken } = history.truth
  for (const id of QUEUE_IDS) {
    const positions = broker
      .messages(id)
      .map(({ messageAttributes }) => messageAttributes['position']?.StringValue)
    for (const position of new Set(positions)) {
      const times = positions.filter((other) => other === position).length
      taken.set(`subscription:${id} ${position}`, Array(times).fill(Number(position)))
    }
  }
}

async function agree(id: string): Promise<void> {
  const rows = await rowsAbout(database.pool, id)
  const states = statesOf(id, rows, history.truth)
  const undelivered = await ask('audit/undelivered', id)
  expect([id, undelivered.map(({ position, state }) => [position, state])]).toEqual([
    id,
    [...states].filter(([, state]) => state !== 'delivered'),
  ])
  for (const { why, state } of undelivered) {
    expect(why).toMatch(/\S\.$|: .+$/)
    if (!['stopped', 'after_its_removal', 'removed_before_it_was_sent'].includes(String(state))) {
      continue
    }
    expect(why).toContain(String(rows.changes.findLast(isTurn)?.reason))
  }
  const [proof] = await ask('audit/proof-of-delivery', id)
  expect([id, proof]).toEqual([
    id,
    { ...countsOf([...states.values()]), verdict: expect.any(String) },
  ])
  expectVerdict(String(proof?.['verdict']), countsOf([...states.values()]), rows)
  await agreeOnDeliveries(id, rows)
  expectConservation(id, rows)
  await agreeOnStatistics(id, rows)
  if (rows.log.length > 0)
    expect([id, await missedOf(service.url, id)]).toEqual([id, missedIn(undelivered)])
}

/** The API tells an event's state for all consumers that there ever were. */
async function agreeOnEvents(): Promise<void> {
  const states = new Map<string, Map<number, string>>()
  for (const id of history.ids) {
    const rows = await rowsAbout(database.pool, id)
    if (rows.log.length > 0) states.set(id, statesOf(id, rows, history.truth))
  }
  const [some = new Map<number, string>()] = states.values()
  const every = Math.ceil(some.size / EVENTS_ASKED)
  for (const position of [...some.keys()].filter((_, i) => i % every === 0)) {
    const happened = [...states].map(([id, of]) => [id, of.get(position)])
    const said = await deliveriesOf(service.url, position)
    expect([position, said.toSorted()]).toEqual([position, happened.toSorted()])
  }
}

/** Whether a change starts, stops or removes it. */
function isTurn({ status }: Rows['log'][number], i: number, all: Rows['log']): boolean {
  return status !== all[i - 1]?.status
}

function expectVerdict(verdict: string, counts: Record<string, number>, rows: Rows): void {
  const { published = 0, passed = 0, delivered = 0 } = counts
  const is =
    rows.changes.length === 0
      ? /^Not proved: there never was/
      : published === 0
        ? /^Nothing was published/
        : passed === 0
          ? /^Nothing to prove/
          : delivered < passed
            ? /^Not proved: of/
            : /^Proved so far/
  expect(verdict).toMatch(is)
}

async function agreeOnDeliveries(id: string, rows: Rows): Promise<void> {
  const said = await ask('audit/deliveries', id)
  const counted = rows.receipts
    .filter(({ delivered, rejected, filtered }) => delivered + rejected + filtered > 0)
    .map((receipt) => {
      const { document } = configurationOf(rows, receipt)
      const { delivered, rejected, filtered, version, run } = receipt
      return {
        integration: id,
        run: run === 0 ? 'live' : `replay ${run}`,
        version,
        delivered,
        rejected,
        filtered_out: filtered,
        filter: document?.entityType
          ? expect.objectContaining({ entityType: document.entityType })
          : filterBehind(rows, receipt),
      }
    })
  expect([id, said]).toMatchObject([id, counted])
}

/** The receipts of a life's own stream: replays beside it have runs of their own. */
function ownReceipts(rows: Rows, since: number): Rows['receipts'] {
  const own = ownRunOf(rows)
  return rows.receipts.filter(({ position, run }) => position > since && run === own)
}

function sumOf(receipts: Rows['receipts'], of: (receipt: Rows['receipts'][number]) => number) {
  return receipts.reduce((total, receipt) => total + of(receipt), 0)
}

/** All that streams have taken is in the receipts, and everything that a cursor has passed. */
function expectConservation(id: string, rows: Rows): void {
  const taken = [...history.truth.taken].filter(([key]) => key.startsWith(`${id} `))
  expect([id, sumOf(rows.receipts, (receipt) => receipt.delivered)]).toEqual([
    id,
    taken.reduce((total, [, times]) => total + times.length, 0),
  ])
  const [cursor] = rows.cursors
  const born = livesOf(rows).at(-1)?.[0]
  if (!cursor || !born) return
  const { starts_at } = born.document ?? {}
  const after = starts_at === undefined ? born.position : Date.parse(starts_at) * 1000 - 1
  const read = rows.events.filter(
    ({ position }) => position > after && position <= cursor.read_position,
  )
  const ofLife = ownReceipts(rows, born.position)
  expect([id, sumOf(ofLife, (one) => one.delivered + one.rejected + one.filtered)]).toEqual([
    id,
    read.length - cursor.unresolved.length,
  ])
}

async function agreeOnStatistics(id: string, rows: Rows): Promise<void> {
  const path = pathOf(id)
  const stats = await call(`${service.url}${path}/stats`)
  const logs = await call<Logs>(`${service.url}${path}/logs`)
  const life = livesOf(rows).at(-1)
  if (!life) return expect([id, stats.status, logs.status]).toEqual([id, 404, 404])
  const actions = actionsOf(rows)
  expect([id, logs.body.entries.map(({ action }) => action)]).toEqual([id, actions.slice(0, 50)])
  expect([id, await pagedActions(`${service.url}${path}/logs`)]).toEqual([id, actions])

  const document = life.findLast((entry) => entry.document)?.document
  // Without a cursor it has ended, and has nothing before it any more.
  const [cursor] = rows.cursors
  const behind = rows.events.filter(({ position, name }) => {
    const { read_position = Infinity, unresolved = [], stop_position } = cursor ?? {}
    const isAhead = position > read_position && position <= (stop_position ?? Infinity)
    return (isAhead || unresolved.includes(position)) && takes(document ?? {}, name)
  })
  const last = life.at(-1)
  const status =
    last?.status === 'removed'
      ? last.action.replace(/^[a-z]+_/, '')
      : last?.status === 'running' && (cursor?.attempts ?? 0) > 0
        ? 'interrupted'
        : last?.status
  const ofLife = ownReceipts(rows, life[0]?.position as number)
  const delivered = sumOf(ofLife, (receipt) => receipt.delivered)
  const rejected = sumOf(ofLife, (receipt) => receipt.rejected)
  const byHand = [...history.truth.takenByHand].filter(
    ([key, times]) => key.startsWith(`${id} `) && times.some((time) => time > endBefore(rows)),
  )
  expect([id, stats.body]).toMatchObject([
    id,
    {
      status,
      lag_events: behind.length,
      failures_in_a_row: cursor?.attempts ?? 0,
      counts: {
        passed: delivered + rejected,
        delivered,
        rejected,
        filtered_out: sumOf(ofLife, (receipt) => receipt.filtered),
      },
      replay: document?.ends_at
        ? {
            delivered,
            rejected,
            taken_later: byHand.length,
            total: delivered + rejected + behind.length,
          }
        : null,
    },
  ])
}

const ACTIONS: Record<string, string> = {
  delivered: 'rejected_event_delivered',
  rejected: 'event_rejected',
  refused: 'event_refused',
  resent: 'resent_event_delivered',
}

type Logs = { entries: { action: string; actor: string; created_at: string }[] }

/** Its log, in pages. */
async function pagedActions(url: string): Promise<string[]> {
  const actions: string[] = []
  for (let before = '2200-01-01T00:00:00Z'; ; ) {
    const { body } = await call<Logs>(`${url}?limit=7&before=${before}`)
    const last = body.entries.at(-1)
    if (!last) return actions
    actions.push(...body.entries.map(({ action }) => action))
    before = last.created_at
  }
}

/** What was changed and what failed since the registration, newest first. */
function actionsOf(rows: Rows): string[] {
  const since = livesOf(rows).at(-1)?.[0]?.position as number
  const shown = rows.attempts.filter(({ outcome }) => outcome !== 'skipped')
  const attempts = shown.map(({ position, outcome, attempt }) => {
    const failed = attempt > 10 ? 'retries_exhausted' : 'retry_triggered'
    const isByHand = attempt === 0 && !['delivered', 'resent'].includes(outcome)
    return { position, action: isByHand ? 'resend_failed' : (ACTIONS[outcome] ?? failed) }
  })
  return [...rows.log, ...attempts]
    .filter(({ position }) => position >= since)
    .sort((one, other) => other.position - one.position)
    .map(({ action }) => action)
}
