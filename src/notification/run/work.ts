// The worker's part for notification jobs: it looks for due jobs, and runs a few at once. Wiring
// only.

import { systemClock } from '../../clock.ts'
import { type Config, limits } from '../../config.ts'
import { type NotifyJob, tasks } from '../../db/jobs.ts'
import type { Database } from '../../db/pool.ts'
import type { Presence } from '../../db/presence.ts'
import { runJobs } from '../../db/run-jobs.ts'
import { measureSkew } from '../../db/skew.ts'
import type { Logger } from '../../logger.ts'
import { repeat } from '../../repeat.ts'
import type { SecretBox } from '../../sealing/secret.ts'
import { createMailers } from '../sender/mailers.ts'
import { retireNotices } from './retire.ts'
import { notify } from './run.ts'
import { wakeDueJobs } from './wake.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

/** Starts it. `stop` lets the requests in flight finish; no new one leaves. */
export function startNotifying(
  config: Config,
  parts: { database: Database; presence: Presence; secrets: SecretBox; logger: Logger },
): { look(): void; stop(): Promise<void> } {
  const { database, presence, secrets, logger } = parts
  const { pool, kysely: db } = database
  const mailers = createMailers(config, { db, secrets })
  const services = {
    db,
    presence,
    clock: systemClock,
    mailerOf: mailers.of,
    leaseMs: config.MILLRACE_LEASE_MS,
    retryBaseMs: config.MILLRACE_RETRY_BASE_MS,
    logger,
  }
  const running = new Set<Promise<void>>()
  let isDraining = false
  const look = repeat('notification jobs', config.MILLRACE_SWEEP_MS, logger, () => wakeDueJobs(db))
  const retire = repeat('retiring notices', HOUR_MS, logger, async () => {
    // The earlier of the two clocks counts: if the other is ahead, its removals could not be
    // undone.
    const now = systemClock() + Math.min(0, await measureSkew(pool))
    const before = now - config.MILLRACE_RETENTION_DAYS * DAY_MS
    return retireNotices(db, Math.floor(before * 1000))
  })
  retire.now()
  const runner = runJobs(pool, tasks.notify, {
    slots: limits.notificationsPerWorker,
    logger,
    async handle(job) {
      if (isDraining) return
      const run = runOne(job)
      running.add(run)
      await run.finally(() => running.delete(run))
    },
  })

  return {
    look: look.now,
    async stop() {
      isDraining = true
      const stopped = runner.stop()
      await Promise.all([look.stop(), retire.stop(), ...running])
      await stopped
      await mailers.close()
    },
  }

  /** Never throws: the next look finds unfinished work. */
  async function runOne(job: NotifyJob): Promise<void> {
    try {
      await notify(services, job, () => isDraining)
    } catch (error) {
      logger.warn({ ...job, reason: (error as Error).message }, 'notification run broken off')
    }
  }
}
