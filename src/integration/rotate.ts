// Rotates a signing secret. The new one signs at once; the old one also signs until a set time, so
// that a receiver can change over without losing an event (Standard Webhooks, "Zero downtime secret
// rotation"). The old one stays sealed unchanged, unless no key opens it any more.

import { type Change, changeConsumer } from '../consumer/change.ts'
import type { Db } from '../db/pool.ts'
import { newSigningSecret } from '../destination/sign.ts'
import { invalid } from '../errors.ts'
import { changedMeanwhile } from '../input/etag.ts'
import { canOpen, type SecretBox } from '../sealing/secret.ts'
import type { FoundIntegration } from './find.ts'
import { faultsOfField, type IntegrationDocument, targetFieldOf } from './integration.ts'

/**
 * Gives an integration a new secret, and returns it, in clear. The old one is valid until
 * `validUntil` (RFC 3339). Throws `invalid_request` if nothing is signed for its target, or
 * `precondition_failed` if it was changed meanwhile.
 */
export async function rotateSigningSecret(
  { db, secrets }: { db: Db; secrets: SecretBox },
  { tenant, found }: { tenant: string; found: FoundIntegration },
  validUntil: string,
  change: Change,
): Promise<string> {
  const faults = faultsOfField({ delivery: {} }, targetFieldOf(found.document))
  if (faults.length > 0) throw invalid(faults)
  const { secret, document } = withNewSecret(tenant, found.document, validUntil, secrets)
  const { outcome } = await changeConsumer(db, tenant, found.id, {
    command: 'rotate',
    ...change,
    document,
    ifVersion: found.version,
  })
  if (outcome !== 'changed') throw changedMeanwhile('the integration')
  return secret
}

/** The document with a new secret, and the secret itself, in clear. */
function withNewSecret(
  tenant: string,
  stored: IntegrationDocument,
  validUntil: string,
  secrets: SecretBox,
): { secret: string; document: IntegrationDocument } {
  const { previous_signing_secret: _, ...old } = stored
  const secret = newSigningSecret()
  const current = old.delivery?.signing_secret
  const previous = current && canOpen(secrets, tenant, current) ? current : undefined
  const document: IntegrationDocument = {
    ...old,
    delivery: { ...old.delivery, signing_secret: secrets.seal(tenant, secret) },
    ...(previous ? { previous_signing_secret: { secret: previous, valid_until: validUntil } } : {}),
  }
  return { secret, document }
}
