// Updates an integration: its checks, and the order of concurrent changes.

import { type Change, changeConsumer } from '../consumer/change.ts'
import type { Db } from '../db/pool.ts'
import { invalid } from '../errors.ts'
import { changedMeanwhile } from '../input/etag.ts'
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

/** How often an update that loses to another change is decided again. */
const TRIES = 10

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
  for (let tries = 0; tries < TRIES; tries++) {
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
  }
  throw changedMeanwhile('the integration')
}
