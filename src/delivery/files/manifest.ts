// The manifest of files: a row describes a file before its first byte leaves. So after a crash it
// is the same file again: the same key, the same content. The statement that finishes it also moves
// the cursor, so each event is in exactly one finished file.

import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import type { Db } from '../../db/pool.ts'
import type { EventFilter } from '../../log/event.ts'
import type { Lease, StepOutcome } from '../cursor.ts'
import { moveCursorAlong, type Step } from '../step.ts'

/** A file that is begun and not finished: the filtered events of (fromPosition, toPosition]. */
export type OpenFile = {
  position: number
  key: string
  version: number
  fromPosition: number
  /** Of its first event. */
  firstPosition: number
  toPosition: number
  filter: EventFilter | null
  compression: 'gzip' | null
  /** The store's name of the last upload for it. */
  uploadId: string | null
}

/** A written file: `bytes` and `sha256` of the object in the bucket. */
type WrittenFile = {
  events: number
  bytes: number
  sha256: Buffer
  firstPosition: number
  lastPosition: number
}

const columns = sql`
  position, key, version, from_position as "fromPosition", first_position as "firstPosition",
  to_position as "toPosition", filter, compression, upload_id as "uploadId"`

/** The file that an earlier turn has begun; undefined if there is none. */
export async function findOpenFile(db: Db, lease: Lease): Promise<OpenFile | undefined> {
  const { rows } = await sql<OpenFile>`
    select ${columns}
    from export_file
    where tenant = ${lease.tenant} and consumer = ${lease.consumer} and run = ${lease.run}
      and state = 'open'`.execute(db)
  return rows[0]
}

/** Begins a file. Undefined if another worker has the lease by now. */
export async function beginFile(
  db: Db,
  lease: Lease,
  file: Omit<OpenFile, 'position' | 'key' | 'uploadId'> & { keyPrefix: string | undefined },
): Promise<OpenFile | undefined> {
  const folder = [file.keyPrefix, lease.tenant].filter(Boolean).join('/')
  const random = randomBytes(8).toString('hex')
  const filter = file.filter && JSON.stringify(file.filter)
  const { rows } = await sql<OpenFile>`
    with held as (
      -- After the integration's registration and its last file, wherever the clock is now.
      select greatest(
        position_of(clock_timestamp()),
        1 + (select created_position from consumer where tenant = c.tenant and id = c.consumer),
        1 + (
          select max(position) from export_file where tenant = c.tenant and consumer = c.consumer
        )
      ) as begun_position
      from cursor as c
      where tenant = ${lease.tenant} and consumer = ${lease.consumer} and run = ${lease.run}
        and owner = ${lease.owner} and epoch = ${lease.epoch}
      for update
    )
    insert into export_file (
      tenant, position, consumer, run, version, key, from_position, first_position, to_position,
      filter, compression
    )
    select
      ${lease.tenant}, begun_position, ${lease.consumer}, ${lease.run}::integer,
      ${file.version}::integer,
      format('%s/%s-data-%s.export', ${folder}::text, begun_position / 1000, ${random}::text),
      ${file.fromPosition}::bigint, ${file.firstPosition}::bigint, ${file.toPosition}::bigint,
      ${filter}::jsonb, ${file.compression}::text
    from held
    returning ${columns}`.execute(db)
  return rows[0]
}

/** The time by the database's clock, in ms: workers' clocks may differ. */
export async function databaseTime(db: Db): Promise<number> {
  const { rows } = await sql<{ now: number }>`
    select position_of(clock_timestamp()) as now`.execute(db)
  return (rows[0]?.now ?? 0) / 1000
}

/**
 * Whether the last file was finished within `milliseconds`, by the clock. After the clock was set
 * back, positions do not tell how long an event has waited.
 */
export async function hasFinishedWithin(
  db: Db,
  lease: Lease,
  milliseconds: number,
): Promise<boolean> {
  const { rows } = await sql<{ isWithin: boolean }>`
    select clock_timestamp() - finished_at between interval '0'
      and ${milliseconds}::double precision * interval '1 millisecond' as "isWithin"
    from export_file
    where tenant = ${lease.tenant} and consumer = ${lease.consumer} and state = 'finished'
    order by position desc
    limit 1`.execute(db)
  return rows[0]?.isWithin ?? false
}

/**
 * Notes the name of an upload, so that a later turn can clear it. False if another worker has the
 * lease by now.
 */
export async function noteUpload(
  db: Db,
  lease: Lease,
  file: OpenFile,
  uploadId: string,
): Promise<boolean> {
  const { rows } = await sql`
    update export_file
    set upload_id = ${uploadId}
    from cursor
    where cursor.tenant = ${lease.tenant} and cursor.consumer = ${lease.consumer}
      and cursor.run = ${lease.run}
      and cursor.owner = ${lease.owner} and cursor.epoch = ${lease.epoch}
      and export_file.tenant = cursor.tenant and export_file.consumer = cursor.consumer
      and export_file.position = ${file.position}
    returning true`.execute(db)
  return rows.length > 0
}

/** Finishes a file and moves the cursor past it, or neither. */
export async function finishFile(
  db: Db,
  lease: Lease,
  { file, written }: { file: OpenFile; written: WrittenFile },
  end: { step: Step; leaseMs: number },
): Promise<StepOutcome> {
  const part = sql`,
    finished as (
      update export_file
      set state = 'finished', finished_at = clock_timestamp(),
        events = ${written.events}, bytes = ${written.bytes}, sha256 = ${written.sha256},
        first_position = ${written.firstPosition}, last_position = ${written.lastPosition}
      from moved
      where export_file.tenant = moved.tenant and export_file.consumer = moved.consumer
        and export_file.position = ${file.position}
    )`
  return moveCursorAlong(db, lease, end, { name: 'finish_file', part })
}

/** Drops a file whose events have all left the log, and moves the cursor past them, or neither. */
export async function dropFile(
  db: Db,
  lease: Lease,
  file: OpenFile,
  end: { step: Step; leaseMs: number },
): Promise<StepOutcome> {
  const part = sql`,
    dropped as (
      update export_file
      set state = 'abandoned'
      from moved
      where export_file.tenant = moved.tenant and export_file.consumer = moved.consumer
        and export_file.position = ${file.position}
    )`
  return moveCursorAlong(db, lease, end, { name: 'drop_file', part })
}

/** A finished file in the API. */
type ListedFile = {
  key: string
  count: number
  bytes: number
  sha256: string
  firstPosition: number
  lastPosition: number
  position: number
  finishedAt: Date
}

/**
 * The finished files of an integration since it was registered, begun before the position `before`,
 * newest first.
 */
export async function listFiles(
  db: Db,
  tenant: string,
  consumer: string,
  range: { since: number; before: number; limit: number },
): Promise<ListedFile[]> {
  const { rows } = await sql<ListedFile>`
    select
      key, events as count, bytes, encode(sha256, 'hex') as sha256,
      first_position as "firstPosition", last_position as "lastPosition", position,
      finished_at as "finishedAt"
    from export_file
    where tenant = ${tenant} and consumer = ${consumer}
      and position > ${range.since} and position < ${range.before}
      and state = 'finished'
    order by position desc
    limit ${range.limit}`.execute(db)
  return rows
}
