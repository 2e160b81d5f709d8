// The kinds of things that are configured, and their ids: unique within their kind in the API, and
// among all kinds in the config log ("erp-1", "subscription:crm").

/** All kinds of the config log. */
export const configuredKinds = [
  'integration',
  'subscription',
  'projection',
  'job',
  'sender',
  'key',
  'event_type',
] as const

export type ConfiguredKind = (typeof configuredKinds)[number]

/** The ids in the log for an id of the API: one for each kind that it may have. */
export function loggedIds(id: string, kind?: ConfiguredKind): string[] {
  const possible = kind === undefined ? configuredKinds : [kind]
  return possible.map((one) => (one === 'integration' ? id : `${one}:${id}`))
}

/** The id in the API for an id of the log. */
export function shownId(kind: ConfiguredKind, loggedId: string): string {
  return kind === 'integration' ? loggedId : loggedId.slice(kind.length + 1)
}
