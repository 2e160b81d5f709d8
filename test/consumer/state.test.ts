// The life of a consumer: what each command does in each state, as a table.

import { describe, expect, it } from 'vitest'
import { type Command, type State, transition } from '../../src/consumer/state.ts'

const commands: Command[] = [
  'register',
  'start',
  'stop',
  'update',
  'replace',
  'rotate',
  'interrupt',
  'recover',
  'complete',
  'remove',
]
const expected: Record<State, (State | undefined)[]> = {
  absent: ['running'],
  running: [
    undefined,
    'running',
    'stopped',
    undefined,
    'running',
    'running',
    'interrupted',
    'running',
    'removed',
    'removed',
  ],
  interrupted: [
    undefined,
    'interrupted',
    'stopped',
    undefined,
    'interrupted',
    'interrupted',
    'interrupted',
    'running',
    undefined,
    'removed',
  ],
  stopped: [
    undefined,
    'running',
    'stopped',
    'stopped',
    'stopped',
    'stopped',
    undefined,
    undefined,
    'removed',
    'removed',
  ],
  removed: ['running'],
}

describe('transition', () => {
  for (const [state, nexts] of Object.entries(expected)) {
    it.each(commands.map((command, i) => [command, nexts[i]] as const))(
      `${state}: %s → %s`,
      (command, next) => {
        expect(transition(state as State, command)?.to).toBe(next)
      },
    )
  }
  it('writes nothing where nothing changes', () => {
    expect(transition('running', 'start')).toEqual({ to: 'running' })
    expect(transition('stopped', 'stop')).toEqual({ to: 'stopped' })
  })
})
