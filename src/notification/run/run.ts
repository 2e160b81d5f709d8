// A run of a notification job: batches of customers, one request each, until nothing is due. Every
// step writes a row first (ledger.ts), so an interrupted run goes on where it was. After a
// temporary failure the run waits as a row with a date, never here. A refused key or template ends
// the run, with an error; notices that are due stay due for the job's next run.

import { sql } from 'kysely'
import type { Clock } from '../../clock.ts'
import { limits } from '../../config.ts'
import type { NotifyJob } from '../../db/jobs.ts'
import type { Db } from '../../db/pool.ts'
import type { Presence } from '../../db/presence.ts'
import { whileAway } from '../../db/while-away.ts'
import { longestDelayMs, retryDelayMs } from '../../delivery/backoff.ts'
import { holdLease, takeUntilDeadline } from '../../delivery/held-lease.ts'
import type { Mailer, MailOutcome } from '../../destination/sendgrid.ts'
import { latestPosition } from '../../log/position.ts'
import type { Logger } from '../../logger.ts'
import { counter } from '../../metrics/metric.ts'
import type { JobDocument } from '../job.ts'
import { type Audience, audienceOf, type Due } from './audience.ts'
import { beginRun } from './begin.ts'
import { heldDocument, type JobLease, releaseJob, renewJob, takeJob } from './lease.ts'
import { moveNotices, nextDue, type RunKey, startSending } from './ledger.ts'
import { readSituation } from './situation.ts'

const SETTLE_AGAIN_MS = 200

const mailsSent = counter('millrace_mails_sent_total', 'Mails that SendGrid has accepted.')
const runs = counter('millrace_job_runs_total', 'Runs of notification jobs, by their end.', {
  end: ['completed', 'failed'],
})

type NotifyServices = {
  db: Db
  /** The presence under which leases are taken: without one, none are. */
  presence: Pick<Presence, 'session'>
  clock: Clock
  /** `missing`: why there is no mailer, if neither the tenant nor the operator has one. */
  mailerOf(tenant: string): Promise<Mailer | { missing: string }>
  leaseMs: number
  retryBaseMs: number
  logger: Logger
}

/** How a run, or this part of it, ends. `again`: it goes on later. */
type End =
  | { why: 'completed' }
  | { why: 'failed'; reason: string }
  | { why: 'again'; inMs: number; attempts: number; reason: string | null }
  | { why: 'left' }

type Sending = Audience['mails'][number]

type RunOf = Omit<RunKey, 'notification'>

/** Runs a job as far as possible now. `isDraining`: no new request may leave. */
export async function notify(
  services: NotifyServices,
  job: NotifyJob,
  isDraining: () => boolean,
): Promise<void> {
  const { db, leaseMs, presence } = services
  const taken = await takeUntilDeadline(presence.session(), leaseMs, (owner) =>
    takeJob(db, job, owner, leaseMs),
  )
  if (!taken) return
  const { leased, deadline } = taken
  const { lease } = leased
  const held = holdLease(leaseMs, deadline, () => renewJob(db, lease, leaseMs))
  try {
    const open = await beginRun(db, leased, services.clock)
    if (!open) return
    const maySend = () => !isDraining() && !held.isOver()
    const run = { lease, runId: open.id }
    await endRun(services, run, await carryOut(services, run, { attempts: open.attempts, maySend }))
  } finally {
    await held.end()
    await releaseJob(db, lease)
  }
}

/** The state of a run that sends. */
type Carried = {
  readonly services: NotifyServices
  /** The job may notify of something else from the next batch on. */
  key: RunKey
  readonly maySend: () => boolean
  /** Failures in a row. */
  failures: number
  /** How many mails the next request may hold. */
  most: number
}

/** Before each batch it looks at the job and its sender: both may have changed meanwhile. */
async function carryOut(
  services: NotifyServices,
  { lease, runId }: RunOf,
  { attempts, maySend }: { attempts: number; maySend: () => boolean },
): Promise<End> {
  let run: Carried | undefined
  while (maySend()) {
    const document = await heldDocument(services.db, lease, 'share')
    if (!document) return { why: 'left' }
    if (document.deleted) return { why: 'failed', reason: 'The job was deleted.' }
    if (!document.is_active) return { why: 'failed', reason: 'The job is not active any more.' }
    const mailer = await services.mailerOf(lease.tenant)
    if ('missing' in mailer) return { why: 'failed', reason: mailer.missing }
    const key = { lease, runId, notification: document.notification }
    run ??= { services, key, maySend, failures: attempts, most: limits.mailsPerRequest }
    run.key = key
    const end = await sendNext(run, document, mailer)
    if (end) return end
  }
  return { why: 'left' }
}

/** Sends the next batch of what is due; undefined if the run goes on. */
async function sendNext(
  run: Carried,
  document: JobDocument,
  mailer: Mailer,
): Promise<End | undefined> {
  const { services, key, maySend } = run
  const { db } = services
  const due = await nextDue(db, key, run.most)
  if (due.length === 0) return { why: 'completed' }
  const audience = audienceOf(await readSituation(db, key.lease.tenant, document, due))
  const withheld = { from: 'due', to: 'withheld' } as const
  if (!(await moveNotices(db, key, audience.withheld, withheld))) return { why: 'left' }
  const fit = fitting(audience.mails)
  if (fit.length === 0) return undefined
  if (!maySend()) return { why: 'left' }
  const batch = await startSending(db, key, fit, document.max_mails_per_week ?? null)
  if (!batch) return { why: 'left' }
  if (batch.length === 0) return undefined
  // Between the commit and the request the lease may run out: then its next owner resolves the
  // batch.
  if (!maySend()) {
    await move(run, batch, { from: 'sending', to: 'due' })
    return { why: 'left' }
  }
  const mails = batch.map(({ mail }) => mail)
  return settle(run, batch, await mailer.send(document.template_id, mails))
}

type Move = { from: 'sending'; to: Settled; reason?: string | undefined }

/** Only this process knows SendGrid's answer, so it waits for an unreachable database. */
async function move(
  { services, key }: Carried,
  batch: Sending[],
  { from, to, reason }: Move,
): Promise<boolean> {
  const lines = batch.flatMap(({ dues }) => dues.map((due) => line(due, reason)))
  const pauseMs = () => SETTLE_AGAIN_MS
  // By time alone: an outage of the database also ends the presence, and the write itself checks
  // the lease.
  const until = performance.now() + services.leaseMs
  const mayWait = () => performance.now() < until
  return whileAway(() => moveNotices(services.db, key, lines, { from, to }), { pauseMs, mayWait })
}

/** The only function that decides the meaning of an answer for the run. */
async function settle(
  run: Carried,
  batch: Sending[],
  outcome: MailOutcome,
): Promise<End | undefined> {
  const left = { why: 'left' } as const
  if (outcome.kind === 'accepted') {
    if (!(await move(run, batch, { from: 'sending', to: 'sent' }))) return left
    mailsSent.add(batch.length)
    run.failures = 0
    run.most = Math.min(limits.mailsPerRequest, run.most * 2)
    if (!outcome.pauseMs) return undefined
    const inMs = Math.min(outcome.pauseMs, longestDelayMs(run.services.retryBaseMs))
    return { why: 'again', inMs, attempts: 0, reason: null }
  }
  if (outcome.kind === 'rejected') return (await reject(run, batch, outcome)) ? undefined : left
  const isUnknown = outcome.kind === 'unknown'
  const to = isUnknown ? 'unconfirmed' : 'due'
  const reason = isUnknown ? outcome.reason : undefined
  if (!(await move(run, batch, { from: 'sending', to, reason }))) return left
  if (outcome.kind === 'refused') return { why: 'failed', reason: outcome.reason }
  run.failures++
  const retryAfterMs = outcome.kind === 'unavailable' ? outcome.retryAfterMs : undefined
  const backoff = { baseMs: run.services.retryBaseMs, chance: Math.random(), retryAfterMs }
  const inMs = retryDelayMs(run.failures, backoff)
  if (inMs !== undefined) {
    return { why: 'again', inMs, attempts: run.failures, reason: outcome.reason }
  }
  return { why: 'failed', reason: `${outcome.reason} No retries are left.` }
}

/**
 * One bad mail fails the request. If the answer names it, only that mail is rejected. Otherwise
 * fewer mails are sent at once, down to one: that one is bad.
 */
async function reject(
  run: Carried,
  batch: Sending[],
  { indexes, reason }: { indexes: number[]; reason: string },
): Promise<boolean> {
  const named = batch.length === 1 ? [0] : indexes
  if (named.length === 0) run.most = Math.ceil(batch.length / 2)
  const bad = batch.filter((_, index) => named.includes(index))
  const rest = batch.filter((_, index) => !named.includes(index))
  if (!(await move(run, bad, { from: 'sending', to: 'rejected', reason }))) return false
  return move(run, rest, { from: 'sending', to: 'due' })
}

type Settled = 'due' | 'sent' | 'rejected' | 'unconfirmed'

const line = (due: Due, reason: string | undefined) => ({ due, ...(reason ? { reason } : {}) })

/**
 * As many as one request may hold. SendGrid accepts an address only once per request: a second
 * customer with the same address waits for the next one.
 */
function fitting(mails: Sending[]): Sending[] {
  const addresses = new Set<string>()
  let bytes = 0
  return mails.filter((one) => {
    const address = one.mail.email.toLowerCase()
    const size = Buffer.byteLength(JSON.stringify(one.mail))
    const isFull = addresses.size > 0 && bytes + size > limits.mailRequestBytes
    if (addresses.has(address) || isFull) return false
    addresses.add(address)
    bytes += size
    return true
  })
}

async function endRun(
  { db, logger }: NotifyServices,
  { lease, runId }: RunOf,
  end: End,
): Promise<void> {
  const { tenant, jobId } = lease
  if (end.why === 'left') return
  const change =
    end.why === 'again'
      ? sql`retry_at = clock_timestamp() + ${end.inMs}::double precision * interval '1 millisecond',
          retry_set_at = clock_timestamp(), attempts = ${end.attempts}, reason = ${end.reason}`
      : sql`state = ${end.why}, finished_at = clock_timestamp(), retry_at = null,
          reason = ${end.why === 'failed' ? end.reason : null}`
  const isEnded = await db.transaction().execute(async (trx) => {
    const { numAffectedRows } = await sql`
      update notification_run
      set ${change}
      where tenant = ${tenant} and job_id = ${jobId} and id = ${runId} and state = 'running'
        and exists (${heldBy(lease)})`.execute(trx)
    if (end.why === 'failed' && numAffectedRows) {
      await sql`
        select note_notification_job(
          ${tenant}, ${jobId}, 'job_run_failed', ${end.reason}, ${latestPosition()}
        )`.execute(trx)
    }
    return Boolean(numAffectedRows)
  })
  const logged = { tenant, job: jobId, run: runId }
  if (end.why === 'again') logger.warn({ ...logged, ...end }, 'notification run waits')
  else if (isEnded) runs.add(1, end.why)
  if (end.why === 'failed' && isEnded) {
    logger.error({ ...logged, reason: end.reason }, 'notification run failed')
  }
}

function heldBy({ tenant, jobId, owner, epoch }: JobLease) {
  return sql`
    select from notification_job
    where tenant = ${tenant} and id = ${jobId} and owner = ${owner} and epoch = ${epoch}`
}
