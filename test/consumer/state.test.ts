// The life of a consumer: what each command does in each status, as a table.

import { describe, expect, it } from 'vitest'
import { type Command, registrations, type Status, transition } from '../../src/consumer/state.ts'

const commands: Command[] = ['start', 'stop', 'update', 'replace', 'rotate', 'remove']
const expected: Record<Status, (Status | 'removed' | undefined)[]> = {
  running: ['running', 'stopped', undefined, 'running', 'running', 'removed'],
  stopped: ['running', 'stopped', 'stopped', 'stopped', 'stopped', 'removed'],
}

describe('transition', () => {
  for (const [status, nexts] of Object.entries(expected)) {
    it.each(commands.map((command, i) => [command, nexts[i]] as const))(
      `${status}: %s → %s`,
      (command, next) => {
        expect(transition(status as Status, command)?.to).toBe(next)
      },
    )
  }
  it('writes nothing where nothing changes', () => {
    expect(transition('running', 'start')).toEqual({ to: 'running' })
    expect(transition('stopped', 'stop')).toEqual({ to: 'stopped' })
  })
  it('logs a registration as a start or a stop', () => {
    expect(registrations.running.to).toBe('running')
    expect(registrations.running.action('integration')).toBe('integration_started')
    expect(registrations.stopped.to).toBe('stopped')
    expect(registrations.stopped.action('subscription')).toBe('subscription_stopped')
  })
})
