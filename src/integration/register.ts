// Registers an integration: its checks, and its first position.

import type { Clock } from '../clock.ts'
import { limits } from '../config.ts'
import { type Change, registerConsumer } from '../consumer/change.ts'
import type { Db } from '../db/pool.ts'
import { invalid, MillraceError } from '../errors.ts'
import { positionOf, timeOf } from '../log/position.ts'
import type { SecretBox } from '../sealing/secret.ts'
import {
  faultsOfIntegration,
  type IntegrationDocument,
  type NewIntegration,
} from './integration.ts'
import { refusePrivateTargets } from './refuse.ts'
import { sealDocument } from './secrets.ts'

type RegisterServices = {
  db: Db
  secrets: SecretBox
  clock: Clock
  allowPrivateTargets: boolean
  allowDefaultCredentials: boolean
}

/**
 * Registers an integration, which then runs. Throws a MillraceError if it is at fault, its id is
 * taken, or the tenant has ten already. A start before `oldestRetained` (the position of the
 * retention's end) begins at the oldest event in the log, and a log entry says so. Returns the
 * stored integration.
 */
export async function register(
  services: RegisterServices,
  tenant: string,
  integration: NewIntegration,
  { oldestRetained, ...change }: Change & { oldestRetained: number },
): Promise<IntegrationDocument> {
  const { db, secrets } = services
  const mayBorrowKeys = services.allowDefaultCredentials
  const faults = faultsOfIntegration(integration, { now: services.clock(), mayBorrowKeys })
  if (faults.length > 0) throw invalid(faults)
  if (!services.allowPrivateTargets) await refusePrivateTargets(tenant, integration)

  const { id, starts_at, ends_at } = integration
  const startsAt = starts_at === undefined ? undefined : positionOf(starts_at)
  const isLate = startsAt !== undefined && startsAt < oldestRetained
  const document = sealDocument(tenant, integration, secrets)
  const outcome = await registerConsumer(db, tenant, id, {
    kind: 'integration',
    document,
    most: limits.integrationsPerTenant,
    // The event at exactly starts_at is included.
    startsAfter: startsAt === undefined ? undefined : Math.max(startsAt, oldestRetained) - 1,
    stopPosition: ends_at === undefined ? undefined : positionOf(ends_at),
    note: isLate ? await lateStart(db, tenant, oldestRetained) : undefined,
    ...change,
  })
  if (outcome === 'taken') throw new MillraceError('conflict', `The id ${id} is taken.`)
  if (outcome === 'full') {
    const most = limits.integrationsPerTenant
    const message = `The tenant already has ${most} integrations, the maximum.`
    throw new MillraceError('too_many_integrations', message)
  }
  return document
}

async function lateStart(db: Db, tenant: string, oldestRetained: number) {
  const { oldest } = await db
    .selectFrom('event')
    .where('tenant', '=', tenant)
    .where('position', '>=', oldestRetained)
    .select((eb) => eb.fn.min<number | null>('position').as('oldest'))
    .executeTakeFirstOrThrow()
  const begins = oldest === null ? 'there is none yet' : `it is of ${timeOf(oldest)}`
  return {
    action: 'started_at_oldest_event',
    reason: `starts_at is older than the retention. It starts at the oldest event kept: ${begins}.`,
  }
}
