// Wiring of `millrace work`: tasks to the runner, notifications to the runs, the sweep and the
// partitions to their clocks. Nothing is decided here.

import { Logger as GraphileLogger, run as runJobs } from 'graphile-worker'
import { createSecretBox } from './access/secret.ts'
import { type Config, limits } from './config.ts'
import { type AdvanceJob, jobKey, tasks } from './db/jobs.ts'
import { channels, listen } from './db/listen.ts'
import { type Database, openDatabase } from './db/pool.ts'
import { advance, type Run, type RunServices } from './delivery/advance.ts'
import { wakeIfBehind } from './delivery/wake.ts'
import { createAgent, createWebhook } from './destination/webhook.ts'
import { stopIntegration } from './integration/change.ts'
import type { Logger } from './logger.ts'
import { retirePartitions } from './maintenance/retention.ts'
import { sweep } from './maintenance/sweep.ts'
import { repeat } from './repeat.ts'

const HOUR_MS = 3_600_000
/** Retries are jobs with a date; the runner looks for due ones this often. */
const JOB_POLL_MS = 500

export type Worker = { stop(): Promise<void> }

/**
 * Starts delivering. `stop` lets what is in flight finish, within limits.shutdownMs, and writes
 * down how far it came.
 */
export async function startWorker(
  config: Config,
  options: { url: string; secretKey: string; logger: Logger },
): Promise<Worker> {
  const { url, logger } = options
  const concurrency = config.MILLRACE_WORKER_CONCURRENCY
  const relaxed = openDatabase(url, { durability: 'relaxed', max: 20, logger })
  const durable = openDatabase(url, { durability: 'durable', max: 5, logger })
  const agent = createAgent({ allowPrivateTargets: config.MILLRACE_ALLOW_PRIVATE_TARGETS })
  const services = runServices(config, { relaxed, durable, agent, ...options })

  const runs = new Map<string, Run>()
  const running = new Set<Promise<void>>()
  let draining = false

  const listener = await listen(url, logger)
  listener.on(channels.wake, (tenant) => {
    for (const [key, run] of runs) if (key.startsWith(`${tenant}/`)) run.wake()
  })
  listener.on(channels.halt, (consumer) => {
    for (const [key, run] of runs) if (key.startsWith(`${consumer}/`)) run.close('halted')
  })
  const sweepOften = repeat('sweep', config.MILLRACE_SWEEP_MS, logger, () => sweep(relaxed.pool))
  listener.onReconnect(sweepOften.now)
  const retention = repeat('retention', HOUR_MS, logger, async () => {
    const dropped = await retirePartitions(durable.pool, config.MILLRACE_RETENTION_DAYS)
    if (dropped.length > 0) logger.info({ dropped }, 'partitions retired')
  })

  const runner = await runJobs({
    pgPool: relaxed.pool,
    concurrency,
    pollInterval: JOB_POLL_MS,
    noHandleSignals: true,
    crontab: ' ',
    logger: new GraphileLogger(() => (level, message) => {
      if (level === 'error') logger.warn({ reason: message }, 'job runner')
    }),
    taskList: {
      [tasks.advance]: async (payload: unknown) => {
        // json arrives as text on our pools: db/pool.
        const work = advanceOne(JSON.parse(payload as string) as AdvanceJob)
        running.add(work)
        await work.finally(() => running.delete(work))
      },
    },
  })
  sweepOften.now()
  retention.now()

  return {
    async stop() {
      draining = true
      sweepOften.stop()
      retention.stop()
      for (const run of runs.values()) run.close('draining')
      const hurry = setTimeout(() => {
        for (const run of runs.values()) run.abandon()
      }, limits.shutdownMs)
      await Promise.all(running)
      clearTimeout(hurry)
      await runner.stop()
      await Promise.all([listener.close(), agent.destroy()])
      await Promise.all([relaxed.close(), durable.close()])
    },
  }

  /** Never throws: liveness is the sweep's business, not that of a failed job. */
  async function advanceOne(job: AdvanceJob): Promise<void> {
    const key = `${job.tenant}/${job.consumer}/${job.run}`
    if (draining) return
    try {
      const result = await advance(services, job, {
        isCrowded: () => running.size >= concurrency,
        attach: (run) => {
          runs.set(key, run)
          if (draining) run.close('draining')
        },
      })
      if (result.kind === 'busy') return
      runs.delete(key)
      if (result.kind === 'retry') await scheduleRetry(relaxed, job, result.retryInMs)
      else await relaxed.pool.query(wakeIfBehind, [job.tenant, job.consumer])
    } catch (error) {
      runs.delete(key)
      logger.warn({ ...job, reason: (error as Error).message }, 'run failed')
    }
  }
}

function runServices(
  config: Config,
  parts: {
    relaxed: Database
    durable: Database
    agent: ReturnType<typeof createAgent>
    secretKey: string
    logger: Logger
  },
): RunServices {
  const secrets = createSecretBox(parts.secretKey)
  return {
    db: parts.relaxed.kysely,
    durable: parts.durable.kysely,
    destinationOf(tenant, { callback_parameters }) {
      const { callback_url, api_key } = callback_parameters
      return createWebhook(parts.agent, {
        url: callback_url,
        apiKey: api_key && secrets.open(tenant, api_key),
        timeoutMs: config.MILLRACE_DELIVERY_TIMEOUT_MS,
        allowPrivateTargets: config.MILLRACE_ALLOW_PRIVATE_TARGETS,
        responseBytes: limits.responseBytes,
        responseKept: limits.responseKept,
      })
    },
    async stop(job, reason) {
      const change = { actor: 'millrace', reason }
      await stopIntegration(parts.durable.kysely, job.tenant, job.consumer, change)
    },
    leaseMs: config.MILLRACE_LEASE_MS,
    retryBaseMs: config.MILLRACE_RETRY_BASE_MS,
    logger: parts.logger,
  }
}

/**
 * A retry is a job with a date, never a sleep. Should it get lost, the sweep finds the cursor when
 * its time has come.
 */
async function scheduleRetry(database: Database, job: AdvanceJob, delayMs: number): Promise<void> {
  await database.pool.query(
    `select graphile_worker.add_job(
      $1, $2::json, run_at => clock_timestamp() + $3 * interval '1 millisecond', job_key => $4
    )`,
    [tasks.advance, JSON.stringify(job), delayMs, jobKey('retry', job)],
  )
}
