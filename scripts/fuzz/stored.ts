// Compares the database with the answers: nothing is stored after a refusal, and each change
// belongs to its caller.

import type pg from 'pg'
import { pathOf } from '../kit/document.ts'
import type { Findings } from '../kit/findings.ts'
import { answersOf } from './judge.ts'
import type { Request } from './message.ts'
import { subjectOf } from './tenant.ts'
import type { Answer } from './wire.ts'

/** The most events of a request: the lines of a bulk body (message.ts). */
const MOST_EVENTS = 3

export type Outcome = { request: Request; answer: Answer | undefined }

/** The bounds of how many events were appended. */
export type Span = { least: number; most: number }

export type Stored = {
  /** Compares the rows since the last time. Nothing may be in flight meanwhile. */
  compare(outcomes: Outcome[], raw: Span): Promise<void>
}

/** Begins to watch the tables. */
export async function watchStored(pool: pg.Pool, findings: Findings): Promise<Stored> {
  const collected = new Set<string>()
  let through = await newestPosition(pool)
  let keysThrough = await newestKey(pool)
  let runs = await countRuns(pool)

  return {
    async compare(outcomes, raw) {
      const answered = outcomes.reduce((sum, one) => sum + newEvents(one, collected), 0)
      const { rows: events } = await pool.query(
        `select tenant, position from event where position > $1 and name not like 'millrace.%'`,
        [through],
      )
      // A request without an answer may be stored; sent again, its answer is a duplicate.
      const unknown = outcomes.filter(({ answer }) => !answer).length * MOST_EVENTS
      if (events.length < answered + raw.least || events.length > answered + raw.most + unknown) {
        const expected = `answers tell of ${answered}, ${unknown} had none`
        const came = `${raw.least} to ${raw.most} came raw`
        findings.broke('events', `${events.length} are new, ${expected}, ${came}`)
      }
      const actors = Map.groupBy(outcomes, actorOf)
      const { rows: changes } = await pool.query(
        'select tenant, position, kind, id, actor from config_log where position > $1',
        [through],
      )
      const { rows: keys } = await pool.query(
        `select
           tenants[1] as tenant, 'key' as kind, id, created_by as actor,
           position_of(created_at) as position
         from api_key where position_of(created_at) > $1`,
        [keysThrough],
      )
      for (const change of [...changes, ...keys]) {
        const fault =
          faultOfChange(change, actors.get(change.actor.replace(/ \(.*/, ''))) ??
          faultOfKey(change, outcomes)
        if (fault) findings.broke('a change', fault)
      }
      const asked = outcomes.filter(
        ({ request, answer }) => request.operation.id === 'runJob' && answer?.status === 201,
      ).length
      const runsNow = await countRuns(pool)
      if (runsNow - runs > asked) {
        findings.broke('runs', `${runsNow - runs} are new, answers tell of ${asked}`)
      }
      runs = runsNow
      through = [...events, ...changes].reduce((most, row) => Math.max(most, row.position), through)
      keysThrough = keys.reduce((most, row) => Math.max(most, row.position), keysThrough)
    },
  }
}

type Change = { tenant: string; kind: string; id: string; actor: string }

/** The actor of a request's change: a subject of its own, or the tenant's API key. */
function actorOf({ request }: Outcome): string {
  const key = /^Bearer mr_([0-9a-f]{12})_/.exec(request.caller.authorization ?? '')?.[1]
  return key ? `API key ${key}` : `JWT ${subjectOf(request.serial)}`
}

/** The fault of a change; `by`: the outcomes of the requests with its token. */
function faultOfChange(change: Change, by: Outcome[] = []): string | undefined {
  const [first] = by
  if (!first) return undefined
  const { operation, what } = first.request
  const { tenant, kind, id } = change
  const label = `${kind} ${id} of ${tenant} by ${operation.id} (${what})`
  const isOwn = by.some(({ request }) => request.caller.tenants.includes(tenant))
  if (!isOwn) return `${label}: another's`
  // A late request was sent again; a key made few requests of a hundred, most of them one.
  const isRefused = by.every((one) => (one.answer?.status ?? 0) >= 400 && !isHalfDone(one))
  return isRefused ? `${label}: stored after ${first.answer?.status}` : undefined
}

/** Whether it stops a consumer first, which may wait for a worker, before it deletes or looks. */
export function stopsFirst({ request }: Outcome): boolean {
  return /^(delete|stop)Integration$|^deleteEventSubscription$|^cancel.*Replay$/.test(
    request.operation.id,
  )
}

/** It has stopped, or started a replay, and another request has deleted meanwhile. */
function isHalfDone(outcome: Outcome): boolean {
  const starts = /^start.*Replay$/.test(outcome.request.operation.id)
  return outcome.answer?.status === 404 && (starts || stopsFirst(outcome))
}

/** The fault of a change with an API key of a tenant of these requests. */
function faultOfKey({ tenant, kind, id, actor }: Change, outcomes: Outcome[]): string | undefined {
  const key = /^API key (\w+)/.exec(actor)?.[1]
  for (const { name, keys } of new Set(outcomes.map(({ request }) => request.tenant))) {
    const isWhole = key === keys.whole.id
    const isOther = key === keys.narrow.id || key === keys.revoked.id
    if (!isOther && (!isWhole || name === tenant)) continue
    return `${kind} ${id} of ${tenant} by a key of ${name}${isWhole ? '' : ' that may not'}`
  }
  return undefined
}

/** How many events were appended, by the answer. */
function newEvents({ request, answer }: Outcome, collected: Set<string>): number {
  if (!answer || !request.body) return 0
  const path = pathOf(request.target)
  if (answer.status === 200 && /^\/events\/?$/i.test(path) && request.method === 'POST') {
    return answersOf(answer.body).filter((line) => isAppended(line)).length
  }
  if (answer.status !== 201) return 0
  if (/^\/events\//i.test(path)) return Number(isAppended(JSON.parse(answer.body.toString())))
  if (!/^\/api\/v1\/events\/?$/i.test(path)) return 0
  const key = `${request.tenant.name} ${JSON.parse(request.body.toString()).id}`
  const isNew = !collected.has(key)
  collected.add(key)
  return Number(isNew)
}

const isAppended = (answer: unknown) => (answer as { duplicate?: boolean }).duplicate === false

async function newestPosition(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query(
    `select greatest(
      (select max(position) from event), (select max(position) from config_log), 0
    ) as newest`,
  )
  return rows[0].newest
}

/** To the microsecond: as a Date, the last key would seem new again. */
async function newestKey(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query(
    'select coalesce(max(position_of(created_at)), 0) as newest from api_key',
  )
  return rows[0].newest
}

async function countRuns(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query(
    `select count(*)::integer as count from notification_run where cause = 'manual'`,
  )
  return rows[0].count
}
