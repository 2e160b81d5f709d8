// What the audits must say, counted anew from the rows of events, changes, receipts, attempts and
// cursors and from what the targets really took: as simply as can be, one event after the other.

import type pg from 'pg'
import { ENTITY_OF, type Truth } from './history.ts'

type Document = {
  starts_at?: string
  ends_at?: string
  filter_conditions?: { event_filter?: string[]; entity_filter?: string[] }
  entityType?: string
  subscribeCreate?: boolean
  subscribeChange?: boolean
  subscribeDelete?: boolean
}
type Event = { position: number; name: string }
type Entry = {
  position: number
  version: number
  action: string
  status: string
  reason: string
  document: Document | null
}
type Receipt = {
  position: number
  run: number
  version: number
  from_position: number
  to_position: number
  delivered: number
  rejected: number
  filtered: number
}
type Attempt = { position: number; run: number; event_position: number; outcome: string }
type Cursor = {
  run: number
  read_position: number
  stop_position: number | null
  unresolved: number[]
  attempts: number
}

export type Rows = {
  events: Event[]
  /** Of the consumer, in their order; without notes. */
  changes: Entry[]
  /** With notes. */
  log: Entry[]
  receipts: Receipt[]
  attempts: (Attempt & { attempt: number })[]
  cursors: Cursor[]
  /** The causes of those that are kept, by position. */
  kept: Map<number, string>
  /** The filters of replays that have one of their own, by run. */
  filters: Map<number, object>
}

/** All rows that are about a consumer. */
export async function rowsAbout(pool: pg.Pool, id: string): Promise<Rows> {
  const all = async <Row extends pg.QueryResultRow>(text: string, values: unknown[] = [id]) =>
    (await pool.query<Row>(text, values)).rows
  const of = `tenant = 'dodici' and consumer = $1`
  const events = `select position, name from event where tenant = 'dodici' order by position`
  const log = await all<Entry>(
    `select position, version, action, status, reason, document from config_log
     where tenant = 'dodici' and id = $1 order by position`,
  )
  const kept = `select event_position, cause from rejected_event where ${of}`
  return {
    events: await all<Event>(events, []),
    log,
    changes: log.filter(({ version }, i) => version !== log[i - 1]?.version),
    receipts: await all<Receipt>(`select * from receipt where ${of} order by position`),
    attempts: await all(`select * from attempt where ${of} order by position`),
    cursors: await all<Cursor>(`select * from cursor where ${of} order by run`),
    filters: new Map(
      (
        await all<{ number: number; filter: object }>(
          `select number, filter_conditions as filter from replay
           where ${of} and filter_conditions is not null`,
        )
      ).map(({ number, filter }) => [number, filter]),
    ),
    kept: new Map(
      (await all<{ event_position: number; cause: string }>(kept)).map(
        ({ event_position, cause }) => [event_position, cause],
      ),
    ),
  }
}

/** Whether a configuration takes an event. */
export function takes(document: Document, name: string): boolean {
  const entity = name.split('.')[0] as string
  if (document.entityType !== undefined) {
    if (entity !== ENTITY_OF[document.entityType]) return false
    if (/created?$/.test(name)) return document.subscribeCreate === true
    if (/deleted?$/.test(name)) return document.subscribeDelete === true
    return document.subscribeChange === true
  }
  const { event_filter = [], entity_filter = [] } = document.filter_conditions ?? {}
  if (event_filter.length + entity_filter.length === 0) return !name.startsWith('millrace.')
  return event_filter.includes(name) || entity_filter.includes(entity)
}

/** The change that made the configuration which a receipt names. */
export function configurationOf(rows: Rows, receipt: Receipt): Entry {
  const made = rows.changes.filter(
    ({ version, position }) => version === receipt.version && position <= receipt.position,
  )
  return made.at(-1) as Entry
}

/** The filter that a receipt of an integration went by: that of its replay, or of its version. */
export function filterBehind(rows: Rows, receipt: Receipt): object | null {
  const { document } = configurationOf(rows, receipt)
  return rows.filters.get(receipt.run) ?? document?.filter_conditions ?? null
}

/** What became of each event, by its position. Throws if one is lost. */
export function statesOf(id: string, rows: Rows, truth: Truth): Map<number, string> {
  return new Map(rows.events.map((event) => [event.position, stateOf(event, id, rows, truth)]))
}

/** The end of the life before the newest one: what is later is of that alone. */
export function endBefore(rows: Pick<Rows, 'changes'>): number {
  return livesOf(rows).at(-2)?.at(-1)?.position ?? 0
}

function stateOf({ position, name }: Event, id: string, rows: Rows, truth: Truth): string {
  const since = endBefore(rows)
  const isAmong = (answers: Map<string, number[]>) =>
    answers.get(`${id} ${position}`)?.some((time) => time > since) === true
  const isTaken = [truth.taken, truth.takenByHand, truth.resent].some(isAmong)
  if (isTaken) return 'delivered'
  const kept = rows.kept.get(position)
  const settledBy = rows.receipts.filter(
    (receipt) =>
      receipt.position > since &&
      receipt.from_position < position &&
      position <= receipt.to_position,
  )
  const isSettled = kept !== undefined || settledBy.length > 0 || isPassed(position, rows)
  if (isAmong(truth.skipped) && isSettled) return kept ?? 'skipped_and_removed'
  if (isAmong(truth.rejected) && isSettled) return kept ?? 'rejected_and_removed'
  // A replay beside the stream decides nothing about an event that its filter does not take.
  if (settledBy.some(({ run }) => run === ownRunOf(rows))) return 'filtered_out'
  return stateOfUnsettled(position, name, rows)
}

/** The run that a consumer was registered with. */
export function ownRunOf({ changes }: Pick<Rows, 'changes'>): number {
  const { document } = changes.findLast((entry) => entry.document) ?? {}
  return document?.ends_at === undefined ? 0 : 1
}

/** Whether a cursor has settled it out of turn. */
function isPassed(position: number, { cursors }: Pick<Rows, 'cursors'>): boolean {
  return cursors.some(({ unresolved, read_position }) => {
    const [oldest] = unresolved
    if (oldest === undefined) return false
    return position > oldest && position <= read_position && !unresolved.includes(position)
  })
}

function stateOfUnsettled(position: number, name: string, rows: Rows): string {
  const last = rows.changes.at(-1)
  if (!last) return 'never_registered'
  const life = livesOf(rows).at(-1) as Entry[]
  const document = life.findLast((entry) => entry.document)?.document as Document
  const registered = (life[0] as Entry).position
  const startsAt = document.starts_at
  const startsAfter = startsAt === undefined ? registered : Date.parse(startsAt) * 1000 - 1
  if (position <= startsAfter) return 'before_its_start'
  if (document.ends_at !== undefined && position > Date.parse(document.ends_at) * 1000) {
    return 'after_its_end'
  }
  const cursors = rows.cursors.filter(({ run }) => run === ownRunOf(rows))
  if (isPassed(position, { cursors }) || !takes(document, name)) return 'filtered_out'
  if (last.status === 'removed') {
    return position > last.position ? 'after_its_removal' : 'removed_before_it_was_sent'
  }
  if (last.status === 'stopped') return 'stopped'
  const [cursor] = rows.cursors
  const { attempts, unresolved } = cursor as Cursor
  if (attempts > 0) return position === unresolved[0] ? 'being_retried' : 'behind_a_failing_event'
  return unresolved.includes(position) ? 'being_sent' : 'waiting'
}

/** The changes of each life of an id: from a registration to a removal. */
export function livesOf({ changes }: Pick<Rows, 'changes'>): Entry[][] {
  const lives: Entry[][] = []
  for (const [i, change] of changes.entries()) {
    if (i === 0 || changes[i - 1]?.status === 'removed') lives.push([])
    lives.at(-1)?.push(change)
  }
  return lives
}

const OUTSIDE = ['never_registered', 'before_its_start', 'after_its_end', 'after_its_removal']
const GIVEN_UP = ['passed_over', 'removed_before_it_was_sent']

/** The counts of a proof of delivery. */
export function countsOf(states: string[]): Record<string, number> {
  const count = (is: (state: string) => boolean) => states.filter(is).length
  const outside = count((state) => OUTSIDE.includes(state))
  const filtered_out = count((state) => state === 'filtered_out')
  const delivered = count((state) => state === 'delivered')
  const rejected = count((state) => /^(rejected|skipped)/.test(state))
  const given_up = count((state) => GIVEN_UP.includes(state))
  const passed = states.length - outside - filtered_out
  return {
    published: states.length,
    outside_its_time: outside,
    filtered_out,
    passed,
    delivered,
    rejected,
    pending: passed - delivered - rejected - given_up,
    given_up,
  }
}
