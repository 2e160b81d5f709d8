// Creates the destination of a consumer from its document. The clients of AWS are loaded for the
// first subscription: an installation with webhooks only does without them.

import { type Config, limits } from '../config.ts'
import { createConnections } from '../destination/connections.ts'
import { type Destination, unavailableDestination } from '../destination/destination.ts'
import { createQueueConnections, type QueueConnections } from '../destination/queue.ts'
import { createWebhook, type Webhook } from '../destination/webhook.ts'
import type { IntegrationDocument } from '../integration/integration.ts'
import { openDocument } from '../integration/secrets.ts'
import { NotOpened, type SecretBox } from '../sealing/secret.ts'
import { openDestination } from '../subscription/seal.ts'
import { parametersOf, type SubscriptionDocument } from '../subscription/subscription.ts'
import { type AtOnce, createAtOnce } from './at-once.ts'
import type { SendingConfiguration } from './configuration.ts'

export type Destinations = {
  /** The destination of a consumer, by its configuration. */
  of(tenant: string, configuration: SendingConfiguration): Promise<Destination>
  /** The webhook of an integration. Throws NotOpened if no key opens its secrets. */
  webhookOf(tenant: string, document: IntegrationDocument): Webhook
  /** For requests by hand; the worker has its own bounds. */
  atOnce: AtOnce
  /** Ends the connections that the destinations of a process share. */
  close(): Promise<void>
}

/** Creates destinations that share connections. */
export function createDestinations(config: Config, secrets: SecretBox): Destinations {
  const allowPrivateTargets = config.MILLRACE_ALLOW_PRIVATE_TARGETS
  const webhooks = createConnections({ allowPrivateTargets })
  const queues = createQueueConnections({ allowPrivateTargets })

  return {
    async of(tenant, configuration) {
      try {
        return await opened(tenant, configuration)
      } catch (error) {
        // Reported with each attempt and retried as usual; then the consumer stops.
        if (error instanceof NotOpened) return unavailableDestination(error.message)
        throw error
      }
    },
    webhookOf,
    atOnce: createAtOnce(),
    async close() {
      queues.close()
      await webhooks.close()
    },
  }

  async function opened(
    tenant: string,
    { kind, document }: SendingConfiguration,
  ): Promise<Destination> {
    if (kind === 'integration') return webhookOf(tenant, document)
    return queueOf(config, queues, openDestination(tenant, document.destination, secrets))
  }

  function webhookOf(tenant: string, document: IntegrationDocument): Webhook {
    const {
      callback_parameters,
      delivery,
      previous_signing_secret: previous,
    } = openDocument(tenant, document, secrets)
    if (!callback_parameters) throw new Error('This integration gets files, not single events.')
    const { callback_url, api_key } = callback_parameters
    const { signing_secret: secret } = delivery ?? {}
    return createWebhook(webhooks, {
      url: callback_url,
      apiKey: api_key,
      headers: delivery?.headers,
      signingSecrets: [
        ...(secret ? [{ secret }] : []),
        ...(previous ? [{ secret: previous.secret, until: Date.parse(previous.valid_until) }] : []),
      ],
      timeoutMs: delivery?.timeout_ms ?? config.MILLRACE_DELIVERY_TIMEOUT_MS,
      allowPrivateTargets,
      responseBytes: limits.responseBytes,
      storedResponse: limits.storedResponse,
    })
  }
}

async function queueOf(
  config: Config,
  connections: QueueConnections,
  destination: SubscriptionDocument['destination'],
): Promise<Destination> {
  const found = parametersOf(destination)
  if (!found) throw new Error('This subscription has no destination.')
  const { queueUrl, region, endpoint, accessKey, accessSecret } = found.parameters
  const hasKeys = accessKey !== undefined && accessSecret !== undefined
  const options = {
    region,
    endpoint,
    credentials: hasKeys ? { accessKeyId: accessKey, secretAccessKey: accessSecret } : undefined,
    timeoutMs: config.MILLRACE_DELIVERY_TIMEOUT_MS,
    allowPrivateTargets: config.MILLRACE_ALLOW_PRIVATE_TARGETS,
    allowDefaultCredentials: config.MILLRACE_QUEUE_DEFAULT_CREDENTIALS,
  }
  if (destination.type === 'SNS') {
    const { createSns } = await import('../destination/sns.ts')
    return createSns(connections, { ...options, topicArn: queueUrl })
  }
  const { createSqs } = await import('../destination/sqs.ts')
  const base = endpoint ?? `https://sqs.${region}.amazonaws.com`
  return createSqs(connections, { ...options, queueUrl: new URL(queueUrl, base).href })
}
