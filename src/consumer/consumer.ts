// Consumers: everything with a cursor on a tenant's log. Delivery advances all of them alike, and
// uses the kind only to choose their destination. A consumer has one id in every table (config_log,
// cursor, receipt, attempt, rejected_event). Ids of different kinds never collide: those of
// integrations have no colon, and all others begin with their kind and a colon.

/**
 * integration: a webhook or files. subscription: a queue or topic of the collector API. projection:
 * our own tables that follow the log.
 */
export type Kind = 'integration' | 'subscription' | 'projection'

/** The actor of what the service does by itself. */
export const SERVICE_ACTOR = 'millrace'

/** The consumer id of `name` in its own API: "subscription:7". */
export function consumerIdOf(kind: Exclude<Kind, 'integration'>, name: string): string {
  return `${kind}:${name}`
}

/** Whether an id may be that of an integration. */
export function isIntegrationId(id: string): boolean {
  return /^[a-z0-9-]{1,50}$/.test(id)
}
