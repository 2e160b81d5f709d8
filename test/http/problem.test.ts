// What an operator's log says of an error that a client is told of.

import { expect, it } from 'vitest'
import { MillraceError } from '../../src/errors.ts'
import { problemOf } from '../../src/http/problem.ts'
import type { Logger } from '../../src/logger.ts'

function logged(error: unknown): [level: string, fields: object, message: string][] {
  const lines: [string, object, string][] = []
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push([level, fields, message])
  const logger = { warn: at('warn'), error: at('error') } as unknown as Logger
  problemOf(error, { family: 'configuration', requestId: 'r', logger })
  return lines
}

it('is an error with its stack where we failed', () => {
  expect(logged(new Error('No.'))).toEqual([
    [
      'error',
      { requestId: 'r', code: 'internal_error', cause: expect.stringContaining('at ') },
      'An internal error occurred.',
    ],
  ])
})

it('is a warning without one where a target did not take an event', () => {
  const error = new MillraceError('bad_gateway', 'The rejected event e was not taken: no.')
  const fields = { requestId: 'r', code: 'bad_gateway' }
  expect(logged(error)).toEqual([['warn', fields, error.message]])
})

it.each(['not_found', 'overloaded'] as const)('is nothing for %s', (code) => {
  expect(logged(new MillraceError(code, 'No.'))).toEqual([])
})
