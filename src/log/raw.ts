// Reading the log as bytes, for whoever passes payloads on in bulk. A page as in read.ts.

import type pg from 'pg'
import { copyOut, literal } from '../db/copy-out.ts'
import type { EventFilter } from './event.ts'
import type { PageRange } from './read.ts'

/** `payload` is null where the filter does not take the event; a view, gone after the call. */
export type RawRow = { position: number; name: string; payload: Buffer | null }

/** Gives the rows of the next page of a range, in order, and says where it ended, if it had any. */
export async function readRawPage(
  pool: pg.Pool,
  range: PageRange,
  onRow: (row: RawRow) => void,
): Promise<number | undefined> {
  let last: number | undefined
  await copyOut(pool, rawPageQuery(range), ([position, name, payload]) => {
    last = positionIn(position as Buffer)
    onRow({ position: last, name: (name as Buffer).toString('latin1'), payload: payload ?? null })
  })
  return last
}

/** What readRawPage runs: a COPY takes no parameters. */
export function rawPageQuery(range: PageRange): string {
  return `
    select position, name, case when takes then payload::text end as payload
    from (
      select
        page.*,
        coalesce(sum(payload_bytes) filter (where takes) over before_this, 0) as bytes_before
      from (
        select position, name, payload, payload_bytes, ${takes(range.filter)} as takes
        from event
        where tenant = ${literal(range.tenant)}
          and position > ${literal(range.after)} and position <= ${literal(range.through)}
        order by position
        limit ${literal(range.maxEvents)}
      ) as page
      window before_this as (order by position rows between unbounded preceding and 1 preceding)
    ) as measured
    where bytes_before < ${literal(range.maxBytes)}
    order by position`
}

function takes(filter: EventFilter | null): string {
  if (!filter) return 'true'
  const { names, entities, classes } = filter
  const named = `(name = any(${literal(names)})
    or split_part(name, '.', 1) = any(${literal(entities)}))`
  return classes ? `(${named} and event_class(name) = any(${literal(classes)}))` : named
}

/** A bigint of Postgres, big-endian, as a number: positions are exact in one. */
function positionIn(bytes: Buffer): number {
  return bytes.readInt32BE(0) * 2 ** 32 + bytes.readUInt32BE(4)
}
