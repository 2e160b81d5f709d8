// Wiring: the services that each kind of turn needs. No decisions here.

import { type Config, limits } from '../config.ts'
import { changeConsumer } from '../consumer/change.ts'
import { SERVICE_ACTOR } from '../consumer/consumer.ts'
import type { Database } from '../db/pool.ts'
import type { Presence } from '../db/presence.ts'
import type { Logger } from '../logger.ts'
import type { SecretBox } from '../sealing/secret.ts'
import type { Tracer } from '../tracer.ts'
import type { AdvanceServices } from './advance.ts'
import type { Destinations } from './destinations.ts'
import { createLineReader } from './files/lines.ts'
import { planFile } from './files/plan.ts'
import { createStores } from './files/stores.ts'
import { createInFlightLimits } from './in-flight.ts'
import { createPace } from './pace.ts'
import type { Projection } from './project.ts'
import type { ReleaseServices } from './release.ts'
import { failReplay } from './replay-end.ts'
import { createSemaphore } from './semaphore.ts'
import { createSharedRead } from './shared-read.ts'
import { tracedDestination } from './traced.ts'
import { createWaker } from './wake.ts'

/** The parts of a worker for its turns. */
export type DeliveryParts = {
  /** For progress and reads. */
  relaxed: Database
  /** For writes that must not be lost. */
  durable: Database
  presence: Presence
  secrets: SecretBox
  /** By consumer id. */
  projections: Record<string, Projection>
  logger: Logger
  tracer: Tracer | undefined
}

/** `pageBytes`: the current limit of a page. */
export function advanceServices(
  config: Config,
  parts: DeliveryParts,
  destinations: Destinations,
  { pageBytes, isDraining }: { pageBytes: () => number; isDraining: () => boolean },
): AdvanceServices {
  const { relaxed, durable, presence, secrets, projections, logger, tracer } = parts
  const { pool, kysely: db } = relaxed
  const waker = createWaker(pool, logger)
  const release: ReleaseServices = {
    db,
    durable: durable.kysely,
    async stop(job, reason) {
      if (await failReplay(durable.kysely, job, reason)) return
      const change = { actor: SERVICE_ACTOR, reason }
      await changeConsumer(durable.kysely, job.tenant, job.consumer, { ...change, command: 'stop' })
      // Its other turns, if it has any, on any worker.
      waker.requestHalt(job.tenant, job.consumer)
    },
    leaseMs: config.MILLRACE_LEASE_MS,
    isDraining,
    retryBaseMs: config.MILLRACE_RETRY_BASE_MS,
    logger,
  }
  return {
    presence,
    sending: {
      ...release,
      async destinationOf({ tenant, consumer }, configuration) {
        const destination = await destinations.of(tenant, configuration)
        return tracer ? tracedDestination(destination, consumer, tracer) : destination
      },
      pageBytes,
      readLive: createSharedRead(db),
      replayPace: createPace(config.MILLRACE_REPLAY_RATE),
      inFlightOf: createInFlightLimits(),
    },
    exporting: {
      ...release,
      storeOf: createStores(config, secrets),
      fileSemaphore: createSemaphore(limits.filesPerWorker),
      failedFileSemaphore: createSemaphore(limits.failedFilesPerWorker),
      linesOf: createLineReader(pool),
      planOf: (range) => planFile(pool, range),
      fileLimits: {
        windowMs: config.MILLRACE_S3_WINDOW_MS,
        maxBytes: config.MILLRACE_S3_MAX_BYTES,
      },
    },
    projecting: { ...release, pageBytes, projections },
  }
}
