// The life of a consumer as a table. `interrupted` is a running one whose target fails
// and is tried again; it is not written down as a status, it is what the cursor's attempts say.
//
//   absent --register--> running --interrupt--> interrupted --recover--> running
//   running | interrupted --stop--> stopped --start--> running
//   stopped --update--> stopped;  running | interrupted | stopped --rotate, replace--> the same
//   running | stopped --complete--> removed;  any --remove--> removed
// A replay that keeps rejected events at its end is stopped, and completes when they are gone.

import type { Kind } from './consumer.ts'

export type State = 'absent' | 'running' | 'interrupted' | 'stopped' | 'removed'
export type Command =
  | 'register'
  | 'start'
  | 'stop'
  | 'update'
  | 'replace'
  | 'rotate'
  | 'interrupt'
  | 'recover'
  | 'complete'
  | 'remove'

/** What follows, and how the config log names it; `action` is missing where nothing is written. */
type Transition = { to: State; action?: (kind: Kind) => string }

const named = (what: string) => (kind: Kind) => `${kind}_${what}`
const started = { to: 'running', action: named('started') } as const
const stopped = { to: 'stopped', action: named('stopped') } as const
const removed = { to: 'removed', action: named('deleted') } as const
const completed = { to: 'removed', action: named('completed') } as const
const updated = (to: State) => ({ to, action: named('updated') })
const rotated = (to: State) => ({ to, action: () => 'signing_secret_rotated' })

const transitions: Record<State, Partial<Record<Command, Transition>>> = {
  absent: { register: started },
  running: {
    start: { to: 'running' },
    stop: stopped,
    interrupt: { to: 'interrupted' },
    recover: { to: 'running' },
    replace: updated('running'),
    rotate: rotated('running'),
    complete: completed,
    remove: removed,
  },
  interrupted: {
    start: { to: 'interrupted' },
    stop: stopped,
    interrupt: { to: 'interrupted' },
    recover: { to: 'running' },
    replace: updated('interrupted'),
    rotate: rotated('interrupted'),
    remove: removed,
  },
  stopped: {
    start: started,
    stop: { to: 'stopped' },
    update: updated('stopped'),
    replace: updated('stopped'),
    rotate: rotated('stopped'),
    complete: completed,
    remove: removed,
  },
  // A name that is free again.
  removed: { register: started },
}

/** What a command does in a state; undefined where it is refused. */
export function transition(state: State, command: Command): Transition | undefined {
  return transitions[state][command]
}
