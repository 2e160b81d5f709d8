// Finds integrations. The status in answers turns `stopped` when no worker holds the cursor any
// more: from then on no request leaves.

import { sql } from 'kysely'
import type { Consumer } from '../consumer/change.ts'
import type { Db } from '../db/pool.ts'
import type { IntegrationDocument } from './integration.ts'

export type FoundIntegration = {
  id: string
  version: number
  /** The last requested status. */
  desired: 'running' | 'stopped'
  /**
   * The actual status: running until the worker has released its lease and the last file is closed.
   */
  status: 'running' | 'stopped'
  document: IntegrationDocument
  /** The position of its registration. */
  createdPosition: number
}

/** One integration of a tenant; undefined if there is none. */
export async function findIntegration(
  db: Db,
  tenant: string,
  id: string,
): Promise<FoundIntegration | undefined> {
  return (await integrationsQuery(db, tenant).where('id', '=', id).execute())[0]
}

/** All integrations of a tenant, in the order of their registration. */
export async function listIntegrations(db: Db, tenant: string): Promise<FoundIntegration[]> {
  return integrationsQuery(db, tenant).orderBy('created_position').execute()
}

/** The integration after a change; `status` as in FoundIntegration. */
export function integrationOf(consumer: Consumer, status: 'running' | 'stopped'): FoundIntegration {
  const { id, version, status: desired, createdPosition } = consumer
  const document = consumer.document as IntegrationDocument
  return { id, version, desired, status, document, createdPosition }
}

function integrationsQuery(db: Db, tenant: string) {
  const held = sql<boolean>`exists (
    select from cursor
    where cursor.tenant = integration.tenant
      and cursor.consumer = integration.id
      and (is_held(cursor.lease_until) or is_held(cursor.close_until))
  )`
  return db
    .selectFrom('integration')
    .where('integration.tenant', '=', tenant)
    .select([
      'id',
      'version',
      'status as desired',
      'created_position as createdPosition',
      sql<'running' | 'stopped'>`
        case when status = 'running' or ${held} then 'running' else 'stopped' end`.as('status'),
    ])
    .select((eb) => eb.ref('document').$castTo<IntegrationDocument>().as('document'))
}
