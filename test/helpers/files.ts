// The invariants of an integration's files: each event of the log is in exactly one of them, to the
// byte, and the store holds nothing that the manifest does not know.

import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import type pg from 'pg'
import { call, EVENTSTREAM } from '../../scripts/kit/client.ts'
import type { Store } from '../../scripts/kit/store.ts'

type ListedFile = {
  key: string
  count: number
  bytes: number
  sha256: string
  first_position: number
  last_position: number
  first_published_at: string
  last_published_at: string
  created_at: string
  finished_at: string
}

/** All files of an integration, newest first, page by page. */
export async function listFiles(
  url: string,
  id: string,
  { tenant = 'dodici', limit = 100 } = {},
): Promise<ListedFile[]> {
  const files: ListedFile[] = []
  for (;;) {
    const last = files.at(-1)
    const query = `limit=${limit}${last ? `&before=${last.created_at}` : ''}`
    const reply = await call<{ files: ListedFile[] }>(`${url}${EVENTSTREAM}/${id}/files?${query}`, {
      headers: { tenant },
    })
    if (reply.status !== 200) throw new Error(JSON.stringify(reply))
    files.push(...reply.body.files)
    if (reply.body.files.length < limit) return files
  }
}

/** The line of each event as text, with the payload's bytes from the log. */
const lines = `
  select
    position,
    format('{"tenant":"%s","name":"%s","published_at":"%s"%s,"payload":%s}', tenant, name,
      to_char(time_of(position) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
      ',"traceparent":"' || traceparent || '"', payload
    ) as line
  from event
  where tenant = $1 and position between $2 and $3
    and ($4::text[] is null or name = any($4::text[]))
    and name not like 'millrace.%'
  order by position`

/**
 * Checks the files of an integration against the log from `since` on, all of it or the events with
 * these names, and returns the number of events. Throws an Error that names the fault.
 */
export async function checkFiles(
  files: ListedFile[],
  source: { store: Store; bucket: string; pool: pg.Pool },
  expected: { tenant?: string; since?: number; names?: string[]; maxBytes?: number } = {},
): Promise<number> {
  const { store, bucket, pool } = source
  const { tenant = 'dodici', since = 0, names = null, maxBytes = 52_428_800 } = expected
  const known = new Set(files.map(({ key }) => key))
  const stored = await store.keys(bucket)
  const strangers = stored.filter((key) => !known.has(key))
  if (strangers.length > 0) throw new Error(`not in the manifest: ${strangers}`)
  const unfinished = await store.unfinished(bucket)
  if (unfinished.length > 0) throw new Error(`uploads left behind: ${unfinished}`)

  let after = since - 1
  let events = 0
  for (const file of [...files].sort((a, b) => a.first_position - b.first_position)) {
    if (file.first_position <= after) throw new Error(`${file.key} begins before another one ends`)
    const content = await contentOf(file, source)
    if (content.length > maxBytes) throw new Error(`${file.key} has ${content.length} bytes`)
    const { rows } = await pool.query(lines, [tenant, after + 1, file.last_position, names])
    const wanted = Buffer.from(rows.map(({ line }) => `${line}\n`).join(''))
    if (!content.equals(wanted)) throw new Error(`${file.key} is not what the log holds`)
    if (rows.length !== file.count) throw new Error(`${file.key} has ${rows.length} lines`)
    if (rows[0].position !== file.first_position) throw new Error(`${file.key} begins elsewhere`)
    events += file.count
    after = file.last_position
  }
  const { rows } = await pool.query(lines, [tenant, after + 1, Number.MAX_SAFE_INTEGER, names])
  if (rows.length > 0) throw new Error(`${rows.length} events are in no file`)
  return events
}

async function contentOf(
  { key, bytes, sha256 }: ListedFile,
  { store, bucket }: { store: Store; bucket: string },
): Promise<Buffer> {
  const { body, encoding } = await store.read(bucket, key)
  if (body.length !== bytes) throw new Error(`${key} has ${body.length} bytes, not ${bytes}`)
  if (createHash('sha256').update(body).digest('hex') !== sha256) throw new Error(`${key}: hash`)
  return encoding === 'gzip' ? gunzipSync(body) : body
}

/**
 * Appends `count` events to the log of a tenant, with payloads of about `bytes`, among them
 * numbers, escapes and letters that a parser would spell otherwise. One of five has a trace.
 */
export async function layEvents(
  pool: pg.Pool,
  { count, bytes = 1_400, tenant = 'dodici' }: { count: number; bytes?: number; tenant?: string },
): Promise<void> {
  const batch = 5_000
  for (let from = 0; from < count; from += batch) {
    await pool.query(
      `with made as (
         select
           i,
           format(
             '{"i": %s,"price":25.080,"id":12345678901234567890,"nul":"\\u0000","ü":"é", "x":"%s"}',
             i, rpad(md5(i::text), $3, md5((i + 1)::text))) as payload
         from generate_series($1::integer, $2::integer) as i
       ),
       batch as (
         select
           array_agg($4::text order by i) as tenants,
           array_agg('order.' || (array['created', 'opened', 'completed'])[1 + i % 3] order by i)
             as names,
           array_agg('order-' || i % 500 order by i) as entities,
           array_agg(gen_random_uuid()::text order by i) as keys,
           array_agg('team'::text order by i) as words,
           array_agg('{}'::text order by i) as objects,
           array_agg(payload order by i) as payloads,
           array_agg(
             case when i % 5 = 0 then format('00-%s-00f067aa0ba902b7-01', md5(i::text)) else '' end
             order by i
           ) as traces
         from made
       )
       select count(*)
       from batch
       cross join append_events(
         tenants, names, entities, keys, words, words, objects, payloads, traceparents => traces
       )`,
      [from, Math.min(from + batch, count) - 1, bytes, tenant],
    )
  }
}
