// Reads the log as bytes, to pass on payloads in bulk: first the sizes of its events, then the
// events of ranges that are known to be small enough. Cutting pages by their bytes in SQL, as
// read.ts does, costs half as much again as reading them.

import type pg from 'pg'
import { copyOut, literal } from '../db/copy-out.ts'
import type { Selection } from './event.ts'

/** A position and an integer. */
const SIZE_BYTES = 12

/** `after` is exclusive, `through` inclusive. */
export type RawRange = Selection & {
  tenant: string
  after: number
  through: number
}

/**
 * `bytes` of name, payload, and the field of its trace (destination/body.ts); null if the filter
 * does not take the event.
 */
export type RawSize = { position: number; bytes: number | null }

/**
 * `payload` is null if the filter does not take the event; otherwise a view, valid during the call.
 */
export type RawRow = {
  position: number
  name: string
  traceparent: string | null
  payload: Buffer | null
}

/**
 * Passes the sizes of the first `most` events of a range, in order; returns how many there were.
 */
export async function readSizes(
  pool: pg.Pool,
  range: RawRange,
  most: number,
  onSize: (size: RawSize) => void,
): Promise<number> {
  let count = 0
  await copyOut(pool, sizesQuery(range, most), ([sizes]) => {
    for (let at = 0; sizes && at < sizes.length; at += SIZE_BYTES) {
      const bytes = sizes.readInt32BE(at + 8)
      onSize({ position: positionIn(sizes, at), bytes: bytes < 0 ? null : bytes })
      count++
    }
  })
  return count
}

/** Passes the first `most` events of a range, in order. */
export function readRaw(
  pool: pg.Pool,
  range: RawRange,
  most: number,
  onRow: (row: RawRow) => void,
): Promise<void> {
  return copyOut(pool, rawQuery(range, most), ([position, name, traceparent, payload]) =>
    onRow({
      position: positionIn(position as Buffer),
      name: (name as Buffer).toString('latin1'),
      traceparent: traceparent?.toString('latin1') ?? null,
      payload: payload ?? null,
    }),
  )
}

/**
 * The query of readSizes, with values inlined: COPY takes no parameters. All sizes are in one row,
 * since a row for each makes garbage.
 */
export function sizesQuery(range: RawRange, most: number): string {
  return `
    select string_agg(int8send(position) || int4send(bytes), '' order by position)
    from (
      select position,
        case
          when ${takes(range)} then
            length(name) + payload_bytes
              + coalesce(length(',"traceparent":""') + length(traceparent), 0)
          else -1
        end as bytes
      from event
      where ${within(range)}
      order by position
      limit ${literal(most)}
    ) as page`
}

/**
 * The query of readRaw. The limit makes the planner use the key, however many events other tenants
 * have.
 */
export function rawQuery(range: RawRange, most: number): string {
  return `
    select position, name, traceparent, case when ${takes(range)} then payload::text end
    from event
    where ${within(range)}
    order by position
    limit ${literal(most)}`
}

function within({ tenant, after, through }: RawRange): string {
  return `tenant = ${literal(tenant)}
      and position > ${literal(after)} and position <= ${literal(through)}`
}

function takes({ filter, isLive }: Selection): string {
  const passes = passesFilter(filter)
  return isLive ? `(live and ${passes})` : passes
}

function passesFilter(filter: Selection['filter']): string {
  if (!filter) return `name not like 'millrace.%'`
  const { names, entities, classes, notAbout } = filter
  const named = `(name = any(${literal(names)})
    or split_part(name, '.', 1) = any(${literal(entities)}))`
  const passes = classes ? `(${named} and event_class(name) = any(${literal(classes)}))` : named
  if (notAbout === undefined) return passes
  return `(${passes} and not (name like 'millrace.%' and entity_id = ${literal(notAbout)}))`
}

/** A bigint of Postgres, big-endian, as a number, which is exact for positions. */
function positionIn(bytes: Buffer, at = 0): number {
  return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)
}
