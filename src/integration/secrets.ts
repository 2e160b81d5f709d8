// The secrets of an integration's document: sealed when stored, opened for delivery, omitted in
// answers. Only this file knows the fields that hold them.

import type { SecretBox } from '../sealing/secret.ts'
import type { IntegrationDocument, IntegrationUpdate, NewIntegration } from './integration.ts'
import type { Integration } from './schemas.ts'

/** The parts of a document or an update that hold secrets. */
type SecretParts = Pick<
  IntegrationDocument,
  'callback_parameters' | 's3_parameters' | 'delivery' | 'previous_signing_secret'
>

/** The document of a registration, to store. */
export function sealDocument(
  tenant: string,
  { id: _, ...document }: NewIntegration,
  secrets: SecretBox,
): IntegrationDocument {
  return mapSecrets(document, (text) => secrets.seal(tenant, text))
}

/** A stored document with its secrets in clear. Throws if another key sealed them. */
export function openDocument(
  tenant: string,
  document: IntegrationDocument,
  secrets: SecretBox,
): IntegrationDocument {
  return mapSecrets(document, (text) => secrets.open(tenant, text))
}

/**
 * A stored document with an update applied. Fields that the update does not name stay, secrets too,
 * since nobody can read them back to send them again. An empty secret is removed. A new signing
 * secret signs alone. No stored secret is opened, so one that no key opens can be replaced.
 */
export function updateDocument(
  tenant: string,
  stored: IntegrationDocument,
  update: IntegrationUpdate,
  secrets: SecretBox,
): IntegrationDocument {
  const sealed = mapSecrets(update, (text) => secrets.seal(tenant, text))
  const delivery = { ...stored.delivery, ...sealed.delivery }
  const merged: IntegrationDocument = {
    ...stored,
    ...mergedTarget(stored, sealed),
    ...(Object.keys(delivery).length > 0 ? { delivery } : {}),
    ...(update.filter_conditions ? { filter_conditions: update.filter_conditions } : {}),
  }
  if (update.callback_parameters?.api_key === '') delete merged.callback_parameters?.api_key
  if (update.delivery?.signing_secret) delete merged.previous_signing_secret
  return merged
}

function mergedTarget(old: IntegrationDocument, update: IntegrationUpdate) {
  if (old.s3_parameters) {
    return { s3_parameters: { ...old.s3_parameters, ...update.s3_parameters } }
  }
  if (!old.callback_parameters) return {}
  return { callback_parameters: { ...old.callback_parameters, ...update.callback_parameters } }
}

/** An integration in answers. */
export function presentIntegration(
  id: string,
  status: 'running' | 'stopped',
  document: IntegrationDocument,
): Integration {
  const { callback_parameters, s3_parameters, delivery, ...others } = document
  const { previous_signing_secret: _, ...rest } = others
  const shown: Integration = { id, status, ...rest }
  if (callback_parameters) {
    shown.callback_parameters = { callback_url: callback_parameters.callback_url }
  }
  if (s3_parameters) {
    const { aws_access_key_id: _, aws_secret_access_key: __, ...where } = s3_parameters
    shown.s3_parameters = where
  }
  if (delivery) {
    const { headers, signing_secret, ...others } = delivery
    shown.delivery = others
    if (headers) shown.delivery.headers = Object.keys(headers)
    if (signing_secret) shown.delivery.is_signed = true
  }
  return shown
}

/** A document or an update, with `map` applied to each of its secrets. */
export function mapSecrets<Document extends SecretParts>(
  document: Document,
  map: (text: string) => string,
): Document {
  const { callback_parameters, s3_parameters, delivery, ...others } = document
  const { previous_signing_secret, ...rest } = others
  const mapped: SecretParts = { ...rest }
  if (callback_parameters) {
    const { api_key, ...callback } = callback_parameters
    mapped.callback_parameters = { ...callback, ...(api_key ? { api_key: map(api_key) } : {}) }
  }
  if (s3_parameters) {
    const { aws_access_key_id: id, aws_secret_access_key: key, ...where } = s3_parameters
    const keys = {
      ...(id ? { aws_access_key_id: map(id) } : {}),
      ...(key ? { aws_secret_access_key: map(key) } : {}),
    }
    mapped.s3_parameters = { ...where, ...keys }
  }
  if (delivery) {
    const { headers, signing_secret, ...others } = delivery
    mapped.delivery = others
    if (headers) {
      const entries = Object.entries(headers).map(([name, value]) => [name, map(value)])
      mapped.delivery.headers = Object.fromEntries(entries)
    }
    if (signing_secret) mapped.delivery.signing_secret = map(signing_secret)
  }
  if (previous_signing_secret) {
    const { secret, valid_until } = previous_signing_secret
    mapped.previous_signing_secret = { secret: map(secret), valid_until }
  }
  return mapped as Document
}
