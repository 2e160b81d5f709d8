// Midnight without waiting for it. Today's partitions are cut short before the service creates its
// own, which goes by their names; the next ones are attached while events are published, as the
// service does it. Each cut is a midnight for the log: batches, keys, pages and receipts cross it.
// The real midnight ends them: later days have the service's own partitions.

import { setTimeout as sleep } from 'node:timers/promises'
import { partitionDays } from '../../src/log/partitions.ts'
import type { Session } from './session.ts'

const DAY_MS = 86_400_000
/** Attaching one may have to wait for a detach, which waits for the oldest snapshot. */
const AHEAD = 5

type Midnights = {
  /** The number of cuts so far. */
  passed(): number
  stop(): Promise<void>
}

/** Cuts today every `everyMs`. Call it on a schema without partitions. */
export async function cutToday(session: Session, everyMs: number): Promise<Midnights> {
  const midnight = (Math.floor(Date.now() / DAY_MS) + 1) * DAY_MS
  const today = tables()
  const cuts = [Math.min(Date.now() + everyMs, midnight)]
  let isOver = false
  for (const table of today) {
    const [until] = cuts as [number]
    await attach(session, table.name, `${table.name}_${table.day}`, table.from, until)
    // The other days of a longer partition: a clock that is ahead must find one.
    if (table.until === midnight) continue
    await attach(session, table.name, `${table.name}_rest_${table.day}`, midnight, table.until)
  }
  const next = async () => {
    const from = cuts.at(-1) as number
    const number = cuts.length
    if (from === midnight) return
    const cut = Math.min(from + everyMs, midnight)
    for (const table of today) {
      // The service's retention reads it: the last eight characters are the day.
      const name = `${table.name}_cut${number}_${table.day}`
      await attach(session, table.name, name, from, cut)
    }
    cuts.push(cut)
  }
  const isAhead = () => (cuts.at(-1 - AHEAD) ?? Number.MAX_SAFE_INTEGER) > Date.now()
  for (let made = 0; made < AHEAD; made++) await next()
  const loop = (async () => {
    while (!isOver) {
      if (!isAhead()) await next()
      await sleep(100)
    }
  })()
  return {
    passed: () => cuts.filter((cut) => cut < Date.now()).length,
    async stop() {
      isOver = true
      await loop
    },
  }
}

/** A table, and its partition that includes today. */
type Today = { name: string; from: number; until: number; day: string }

function tables(): Today[] {
  const today = Math.floor(Date.now() / DAY_MS)
  return Object.entries(partitionDays).map(([name, days]) => {
    const from = Math.floor(today / days) * days * DAY_MS
    return { name, from, until: from + days * DAY_MS, day: dayOf(from) }
  })
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10).replaceAll('-', '')
}

/** Retried until it succeeds: the server may be unreachable. */
async function attach(
  session: Session,
  table: string,
  name: string,
  fromMs: number,
  untilMs: number,
): Promise<void> {
  for (;;) {
    const made = await session.ask(`
      do $do$
      begin
        if to_regclass('${name}') is null then
          create table ${name} (like ${table} including defaults including constraints);
          alter table ${table} attach partition ${name}
            for values from (${fromMs * 1000}) to (${untilMs * 1000});
        end if;
      end
      $do$`)
    if (made) return
    await sleep(50)
  }
}

/** A day long past the retention, with an event in it, for the workers to drop. */
export async function makeOldDay(session: Session, age: number): Promise<void> {
  const from = (Math.floor(Date.now() / DAY_MS) - 60 - age) * DAY_MS
  for (const table of ['event', 'receipt', 'attempt']) {
    await attach(session, table, `${table}_${dayOf(from)}`, from, from + DAY_MS)
  }
  await session.ask(
    `insert into event (
      tenant, position, name, entity_id, idempotency_key, team, service, correlation_ids,
      payload_bytes, payload
    ) values ('past', $1, 'order.created', 'e', 'k', 't', 's', '{}', 2, '{}')
    on conflict do nothing`,
    [(from + 1) * 1000],
  )
}

/** Partitions that the retention should have dropped. */
export async function oldDays(session: Session): Promise<string[] | undefined> {
  const rows = await session.ask<{ name: string }>(`
    select relname as name
    from pg_class
    where relkind = 'r' and relname ~ '^(event|receipt|attempt)_[0-9]{8}$'
      and to_date(right(relname, 8), 'YYYYMMDD') < current_date - 40`)
  return rows?.map(({ name }) => name)
}
