// Updates an integration: its checks, and the order of concurrent changes.

import { type Change, changeConsumer } from '../consumer/change.ts'
import type { Db } from '../db/pool.ts'
import { untilWritten } from '../db/until-written.ts'
import { invalid } from '../errors.ts'
import type { SecretBox } from '../sealing/secret.ts'
import { type FoundIntegration, findIntegration, integrationOf } from './find.ts'
import {
  faultsOfField,
  faultsOfParts,
  type IntegrationUpdate,
  targetFieldOf,
} from './integration.ts'
import { noSuchIntegration, refusePrivateTargets, refuseUpdate } from './refuse.ts'
import { without } from './removal.ts'
import { updateDocument } from './secrets.ts'

/**
 * Updates an integration and returns its new state. `removed`: the settings that the update takes
 * away. Throws a MillraceError if the update is at fault, if the integration was removed meanwhile,
 * or if its version is not one that `ifMatch` names ('': any).
 */
export async function updateIntegration(
  services: { db: Db; secrets: SecretBox; allowPrivateTargets: boolean },
  { tenant, found: first }: { tenant: string; found: FoundIntegration },
  { settings, removed }: { settings: IntegrationUpdate; removed: string[] },
  { ifMatch, ...change }: Change & { ifMatch: string },
): Promise<FoundIntegration> {
  const { db, secrets } = services
  const { id } = first
  let found: FoundIntegration | undefined = first
  return untilWritten(`the integration ${id}`, async () => {
    if (!found) throw noSuchIntegration(id)
    const faults = [
      ...faultsOfParts(settings),
      ...faultsOfField(settings, targetFieldOf(found.document)),
    ]
    if (faults.length > 0) throw invalid(faults)
    const remaining = without(found.document, removed)
    refuseUpdate(found, { remaining, update: settings }, ifMatch)
    if (!services.allowPrivateTargets) await refusePrivateTargets(tenant, settings)
    const { consumer } = await changeConsumer(db, tenant, id, {
      command: 'update',
      ...change,
      document: updateDocument(tenant, remaining, settings, secrets),
      ifVersion: found.version,
    })
    if (consumer) return integrationOf(consumer, 'stopped')
    found = await findIntegration(db, tenant, id)
    return undefined
  })
}
