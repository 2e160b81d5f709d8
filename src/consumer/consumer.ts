// Consumers: whatever has a cursor on a tenant's log. Delivery advances them all alike and looks at
// the kind only to choose what takes the events. A consumer's id is the one name that it has in
// every table (config_log, cursor, receipt, attempt, rejected_event): ids of different kinds can
// never be the same, for those of integrations have no colon and all others begin with their kind
// and one.

/**
 * integration: a webhook or files. subscription: a queue or topic of the collector API. projection:
 * tables of our own that follow the log.
 */
export type Kind = 'integration' | 'subscription' | 'projection'

/** The consumer id of what its own API calls `name`: "subscription:7". */
export function consumerIdOf(kind: Exclude<Kind, 'integration'>, name: string): string {
  return `${kind}:${name}`
}

/** Whether an id may be that of an integration. */
export function isIntegrationId(id: string): boolean {
  return /^[a-z0-9-]{1,50}$/.test(id)
}
