// The checks after harm has ended and everything has drained.

import type { Findings } from '../kit/findings.ts'
import { keyOf, NAMES, OTHER_TENANT, payloadOf, serialOf, TENANT, tenantOf } from './event.ts'
import type { HarmLog } from './harm-log.ts'
import type { Integration, Replay } from './integrations.ts'
import type { Journal } from './journal.ts'
import type { Session } from './session.ts'

const PAGE = 20_000
/**
 * Longer than a lease: how long before a stop a freeze may have begun and still let an event
 * through.
 */
const LEASE_SLACK_MS = 5_000
const MOST_RECOVERY_MS = 10_000

export type Evidence = {
  session: Session
  journal: Journal
  findings: Findings
  harmLog: HarmLog
  integrations: Integration[]
  replays: Replay[]
}

type LogRow = {
  position: number
  name: string
  entity_id: string
  idempotency_key: string
  payload: string
}

/** Every event with a 201 is in the log once, and nothing else is. */
export async function checkLog({ session, journal, findings }: Evidence): Promise<number> {
  const found = new Uint8Array(journal.size)
  const newest = new Map<string, number>()
  let events = 0
  for (const tenant of [TENANT, OTHER_TENANT]) {
    for (let after = 0; ; ) {
      const rows = await insist<LogRow>(
        session,
        `select position, name, entity_id, idempotency_key, payload from event
         where tenant = $1 and position > $2 and name not like 'millrace.%'
         order by position limit ${PAGE}`,
        [tenant, after],
      )
      for (const row of rows) look(tenant, row)
      events += rows.length
      after = rows.at(-1)?.position ?? after
      if (rows.length < PAGE) break
    }
  }
  for (let serial = 0; serial < journal.size; serial++) {
    if (journal.isStored(serial) && !found[serial]) {
      findings.broke('lost from the log', `event ${serial} at ${journal.positionOf(serial)}`)
    }
  }
  return events

  function look(tenant: string, row: LogRow): void {
    const serial = serialOf(row.idempotency_key)
    if (serial === undefined || serial >= journal.size || !journal.isStored(serial)) {
      findings.broke('stored but refused', `${row.idempotency_key} at ${row.position}`)
      return
    }
    if (found[serial]) findings.broke('twice in the log', `event ${serial}, at ${row.position}`)
    found[serial] = 1
    journal.seenAt(serial, row.position)
    const isWhole =
      tenant === tenantOf(journal.entityOf(serial)) &&
      row.name === NAMES[journal.nameOf(serial)] &&
      row.entity_id === `e${journal.entityOf(serial)}` &&
      row.idempotency_key === keyOf(serial) &&
      row.payload === payloadOf(serial)
    if (!isWhole) findings.broke('altered in the log', JSON.stringify(row))
    // A publisher waits for each answer, so its serials are in the order of publishing.
    if (serial < (newest.get(row.entity_id) ?? -1)) {
      findings.broke('log out of order', `${row.entity_id}: event ${serial} at ${row.position}`)
    }
    newest.set(row.entity_id, serial)
  }
}

/** Every event reached every integration whose filter takes it, or is kept as rejected. */
export async function checkDeliveries(evidence: Evidence): Promise<number> {
  const { session, journal, findings, integrations, replays } = evidence
  const stored = new Set(
    (
      await insist<{ consumer: string; event_position: number }>(
        session,
        `select consumer, event_position from rejected_event where tenant = 'torture'`,
      )
    ).map(({ consumer, event_position }) => `${consumer}/${event_position}`),
  )
  let lost = 0
  const miss = (id: string, serial: number, how: string) => {
    lost++
    findings.broke('lost', `${id} ${how} event ${serial} at ${journal.positionOf(serial)}`)
  }
  for (let serial = 0; serial < journal.size; serial++) {
    if (!journal.isStored(serial)) continue
    const position = journal.positionOf(serial)
    for (const { id, ledger } of integrations) {
      if (!ledger.mustTake(serial)) continue
      // Kept: it was rejected, or skipped.
      if (ledger.isTaken(serial) || stored.has(`${id}/${position}`)) continue
      miss(id, serial, ledger.isPassed(serial) ? 'rejected, and does not keep,' : 'never took')
    }
    for (const { ledger, from, through, isCancelled } of replays) {
      const isMeant = ledger.mustTake(serial) && position >= from && position <= through
      // A replay completes when it keeps no rejected events, and here nobody deletes them.
      if (isMeant && !isCancelled && !ledger.isTaken(serial)) miss(ledger.id, serial, 'never took')
      if (!isMeant && ledger.isPassed(serial)) {
        findings.broke('sent past the end', `${ledger.id} received event ${serial}`)
      }
    }
  }
  return lost
}

/**
 * Nothing was sent between an answer `stopped` and the next start. A frozen worker may have written
 * requests to a socket before; those are counted, and returned. A start's position cannot say when
 * it was: the torture steps that clock.
 */
export async function checkStops(evidence: Evidence): Promise<number> {
  const { session, findings, harmLog, integrations, replays } = evidence
  let strays = 0
  for (const { id, ledger } of [...integrations, ...replays]) {
    const starts = await insist<{ at: number }>(
      session,
      `select 1000 * extract(epoch from pg_xact_commit_timestamp(xmin))::float8 as at
       from config_log
       where tenant = 'torture' and id = $1 and action = 'integration_started'`,
      [id],
    )
    for (const { stoppedAt, at } of ledger.afterStop()) {
      // A start that was sent twice, because the first request was only late.
      if (starts.some((start) => start.at >= stoppedAt - 1 && start.at <= at)) continue
      if (harmLog.wasFrozen(stoppedAt - LEASE_SLACK_MS, at)) strays++
      else findings.broke('sent after stop', `${id}, ${at - stoppedAt} ms after the answer`)
    }
  }
  return strays
}

/** The tables of the configuration agree with the config log, by the program's own command. */
export function checkProjections(
  { findings }: Evidence,
  { status, lines }: { status: number | null; lines: string[] },
): void {
  for (const line of lines.filter((line) => line.startsWith('  '))) {
    findings.broke('projection differs', line.trim())
  }
  // It prints at least the counts.
  if (status !== 0 || lines.length === 0) {
    findings.broke('projection differs', `rebuild config ended with ${status}`)
  }
}

/**
 * Each replay ended once, and every record of it calls it a replay. One beside a live stream has
 * counted what it sent: as much as was counted before.
 */
export async function checkReplays(evidence: Evidence): Promise<void> {
  const { session, findings, replays } = evidence
  const rows = await insist<{ id: string; completions: number; live: number; missing: number }>(
    session,
    `select id,
      (
        select count(*)::integer from config_log
        where tenant = 'torture' and config_log.id = replay.id
          and (
            action = 'integration_completed'
            or action in ('replay_completed', 'replay_cancelled')
              and reason like format('Replay %s: %%', number)
          )
      ) as completions,
      (
        select greatest(0, total - delivered)::integer from replay as record
        where record.tenant = 'torture' and record.consumer = replay.id
          and record.number = replay.number and state = 'completed'
      ) as missing,
      (
        select count(*)::integer
        from (
          select consumer from receipt where tenant = 'torture' and run = 0
          union all
          select consumer from attempt where tenant = 'torture' and run = 0
        ) as record
        where consumer = replay.id and replay.number is null
      ) as live
    from unnest($1::text[], $2::integer[]) as replay (id, number)`,
    [replays.map(({ id }) => id), replays.map(({ number = null }) => number)],
  )
  for (const { id, completions, live, missing } of rows) {
    if (completions !== 1) findings.broke('not completed once', `${id}: ${completions} times`)
    if (live > 0) findings.broke('a replay called live', `${id}: ${live} records`)
    if (missing > 0) findings.broke('a replay counts too little', `${id}: ${missing} are missing`)
  }
}

/**
 * The receipts of a run follow each other without a gap, and count each event once, as its cursor
 * does: whatever steps a crash has undone, and whatever answers were lost.
 */
export async function checkReceipts({ session, findings }: Evidence): Promise<void> {
  const gaps = await insist<{ stream: string; after: string; through: string }>(
    session,
    `select format('%s/%s', consumer, run) as stream, settled as after, from_position as through
     from (
       select *, max(to_position) over (
         partition by tenant, consumer, run order by to_position, from_position
         rows between unbounded preceding and 1 preceding
       ) as settled
       from receipt
       where delivered + rejected + filtered > 0
     ) as step
     -- A join by tenant would compare every step with every event.
     cross join lateral (
       select from event
       where event.tenant = step.tenant and position > settled and position <= from_position
       limit 1
     ) as missed`,
  )
  for (const { stream, after, through } of gaps) {
    findings.broke('a gap in receipts', `${stream}: none from ${after} to ${through}`)
  }
  type Counts = { stream: string; receipted: string; events: string; own: string }
  const miscounted = await insist<Counts>(
    session,
    `select format('%s/%s', consumer, run) as stream, receipted, events, own
     from (
       select tenant, consumer, run, min(from_position) as began,
         sum(delivered + rejected + filtered) as receipted
       from receipt
       where delivered + rejected + filtered > 0
       group by tenant, consumer, run
     ) as receipts
     join cursor using (tenant, consumer, run)
     cross join lateral (
       select count(*) - cardinality(unresolved) as events,
         delivered + rejected + filtered as own
       from event
       where event.tenant = cursor.tenant and position > began and position <= read_position
     ) as counted
     where receipted <> events or receipted <> own`,
  )
  for (const { stream, receipted, events, own } of miscounted) {
    const counts = `${receipted} by receipts and ${own} by the cursor, of ${events} events`
    findings.broke('settled events miscounted', `${stream}: ${counts}`)
  }
}

/**
 * No lease is left when every worker has ended in order. Leases that have ended do not count: a
 * killed worker leaves its lease until somebody has a reason to take it. Nor do leases written by a
 * clock days ahead: anybody may take them.
 */
export async function checkLeases({ session, findings }: Evidence): Promise<void> {
  const rows = await insist<{ consumer: string; run: number }>(
    session,
    'select consumer, run from cursor where is_held(lease_until)',
  )
  for (const { consumer, run } of rows) findings.broke('lease left', `${consumer}/${run}`)
}

/** After a harm that stopped everything, with no other harm in between, all recover in time. */
export function checkRecoveries({ findings, harmLog }: Evidence): void {
  for (const [kind, times] of harmLog.recoveries()) {
    if (!harmLog.stopsAll(kind)) continue
    for (const { ms, isAlone } of times) {
      if (isAlone && ms > MOST_RECOVERY_MS) {
        findings.broke('slow to deliver again', `${(ms / 1_000).toFixed(1)} s after ${kind}`)
      }
    }
  }
}

/** The server is up at this point: without an answer the torture is wrong, not the service. */
export async function insist<Row extends Record<string, unknown>>(
  session: Session,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const rows = await session.ask<Row>(text, values)
  if (!rows) throw new Error(`The database did not answer: ${text.slice(0, 80)}`)
  return rows
}
