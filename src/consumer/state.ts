// The effect of each command on a consumer: this table is the one authority. The SQL functions get
// the status and the action to log as arguments. Only a replay ends itself (complete_replay.sql).
//
//   register --> running, or stopped (an inactive subscription)
//   running --stop--> stopped --start--> running;  stopped --update--> stopped
//   running | stopped --replace, rotate--> the same;  running | stopped --remove--> removed

import type { Kind } from './consumer.ts'

/** An interrupted consumer is a running one: its cursor counts failed attempts. */
export type Status = 'running' | 'stopped'
export type Command = 'start' | 'stop' | 'update' | 'replace' | 'rotate' | 'remove'

/** The new status, and the action for the config log: none if nothing changes. */
type Transition = { to: Status | 'removed'; action?: (kind: Kind) => string }

const named = (what: string) => (kind: Kind) => `${kind}_${what}`
const started = { to: 'running', action: named('started') } as const
const stopped = { to: 'stopped', action: named('stopped') } as const
const removed = { to: 'removed', action: named('deleted') } as const
const updated = (to: Status) => ({ to, action: named('updated') })
const rotated = (to: Status) => ({ to, action: () => 'signing_secret_rotated' })

const transitions: Record<Status, Partial<Record<Command, Transition>>> = {
  running: {
    start: { to: 'running' },
    stop: stopped,
    replace: updated('running'),
    rotate: rotated('running'),
    remove: removed,
  },
  stopped: {
    start: started,
    stop: { to: 'stopped' },
    update: updated('stopped'),
    replace: updated('stopped'),
    rotate: rotated('stopped'),
    remove: removed,
  },
}

/** The effect of a registration, by the consumer's first status. */
export const registrations = { running: started, stopped }

/** The effect of a command on a consumer of this status; undefined if it is refused. */
export function transition(status: Status, command: Command): Transition | undefined {
  return transitions[status][command]
}
