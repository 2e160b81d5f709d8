// Rotates a signing secret. The new one signs at once; the old one also signs until a set time, so
// that a receiver can change over without losing an event (Standard Webhooks, "Zero downtime secret
// rotation"). The old one stays sealed unchanged, unless no key opens it any more.

import { newSigningSecret } from '../destination/sign.ts'
import { canOpen, type SecretBox } from '../sealing/secret.ts'
import type { IntegrationDocument } from './integration.ts'

/** The document with a new secret, and the secret itself, in clear. `validUntil` is RFC 3339. */
export function rotateSigningSecret(
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
