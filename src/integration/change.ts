// Changes of configuration. Each is one call that takes the next position of the log, changes the
// projection and writes the config log (sql/migrations/0002_integration.sql): the three agree
// because they commit together.

import { sql } from 'kysely'
import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import type { IntegrationDocument } from './integration.ts'

/** Who changed something and why, for the config log. */
export type Change = { actor: string; reason: string }

/**
 * Registers an integration that runs at once. It receives the events after the position
 * `startsAfter`, or after its own registration where that is undefined. Nothing is changed where
 * the id is taken or the tenant has its ten.
 */
export async function registerIntegration(
  db: Db,
  tenant: string,
  id: string,
  options: Change & { document: IntegrationDocument; startsAfter: number | undefined },
): Promise<'registered' | 'taken' | 'full'> {
  const document = JSON.stringify(options.document)
  const { rows } = await sql<{ outcome: 'registered' | 'taken' | 'full' }>`
    select register_integration(
      ${tenant}, ${id}, ${document}::jsonb,
      ${options.actor}, ${options.reason}, ${options.startsAfter ?? null},
      ${limits.integrationsPerTenant}
    ) as outcome`.execute(db)
  return rows[0]?.outcome as 'registered'
}

/**
 * Starts an integration; what it has not delivered yet goes on from there. False where it runs
 * already.
 */
export async function startIntegration(
  db: Db,
  tenant: string,
  id: string,
  change: Change,
): Promise<boolean> {
  return setStatus(db, tenant, id, 'running', 'integration_started', change)
}

/**
 * Stops an integration. The worker that advances it lets go soon after. False where it was stopped
 * already.
 */
export async function stopIntegration(
  db: Db,
  tenant: string,
  id: string,
  change: Change,
): Promise<boolean> {
  return setStatus(db, tenant, id, 'stopped', 'integration_stopped', change)
}

/** Removes an integration, its cursor and its rejected events. False where there is none. */
export async function removeIntegration(
  db: Db,
  tenant: string,
  id: string,
  change: Change,
): Promise<boolean> {
  const { rows } = await sql<{ changed: boolean }>`
    select remove_integration(
      ${tenant}, ${id}, 'integration_deleted', ${change.actor}, ${change.reason}
    ) as changed`.execute(db)
  return rows[0]?.changed ?? false
}

async function setStatus(
  db: Db,
  tenant: string,
  id: string,
  status: 'running' | 'stopped',
  action: string,
  change: Change,
): Promise<boolean> {
  const { rows } = await sql<{ changed: boolean }>`
    select set_integration_status(
      ${tenant}, ${id}, ${status}, ${action}, ${change.actor}, ${change.reason}
    ) as changed`.execute(db)
  return rows[0]?.changed ?? false
}
