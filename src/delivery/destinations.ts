// From a consumer's document to the destination that its events are sent to.

import type { SecretBox } from '../access/secret.ts'
import { type Config, limits } from '../config.ts'
import type { Destination } from '../destination/destination.ts'
import { createWebhook } from '../destination/webhook.ts'
import { openDocument } from '../integration/secrets.ts'
import type { SendingTarget } from './target.ts'

type Agent = Parameters<typeof createWebhook>[0]

/** A function that makes destinations which share the connections of `agent`. */
export function createDestinations(
  config: Config,
  agent: Agent,
  secrets: SecretBox,
): (tenant: string, target: SendingTarget) => Destination {
  return (tenant, target) => {
    const document = openDocument(tenant, target.document, secrets)
    const { callback_parameters, delivery, previous_signing_secret: previous } = document
    if (!callback_parameters) throw new Error('This integration gets files, not single events.')
    const { callback_url, api_key } = callback_parameters
    const stillValid = previous && Date.parse(previous.valid_until) > Date.now()
    const signingSecrets = [delivery?.signing_secret, stillValid ? previous.secret : undefined]
    return createWebhook(agent, {
      url: callback_url,
      apiKey: api_key,
      headers: delivery?.headers,
      signingSecrets: signingSecrets.filter((secret) => secret !== undefined),
      timeoutMs: delivery?.timeout_ms ?? config.MILLRACE_DELIVERY_TIMEOUT_MS,
      allowPrivateTargets: config.MILLRACE_ALLOW_PRIVATE_TARGETS,
      responseBytes: limits.responseBytes,
      responseKept: limits.responseKept,
    })
  }
}
