// What a failure means: three questions, asked of what the server, the socket, node-postgres and
// our own code throw.

import pg from 'pg'
import { describe, expect, it } from 'vitest'
import {
  ConnectionError,
  failureOf,
  isBug,
  maySendAgain,
  spoilsConnection,
  UnreadableValue,
} from '../../src/db/failure.ts'

function ofServer(code: string): pg.DatabaseError {
  const error = new pg.DatabaseError('whatever it says in whatever language', 1, 'error')
  error.code = code
  return error
}

const socket = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' })

describe('a failure', () => {
  it.each([
    ['08006', true, true],
    ['25006', true, true],
    ['26000', true, true],
    ['25P02', true, true],
    ['0A000', true, true],
    ['40001', true, false],
    ['40P01', true, false],
    ['53100', true, false],
    ['53300', true, false],
    ['55P03', true, false],
    ['57014', true, false],
    ['57P01', true, true],
    ['57P03', true, true],
    ['58030', true, true],
    ['XX000', false, true],
    ['22P02', false, false],
    ['23514', false, false],
    ['42P01', false, false],
    ['MR001', false, false],
    ['MR002', false, false],
  ])('%s: sent again %s, connection dropped %s, never a bug', (code, again, dropped) => {
    const error = ofServer(code)
    expect(maySendAgain(error)).toBe(again)
    expect(spoilsConnection(error)).toBe(dropped)
    expect(isBug(error)).toBe(false)
  })

  it('of a connection is sent again on another one', () => {
    for (const cause of [socket, new Error('Query read timeout'), ofServer('28P01')]) {
      const error = new ConnectionError(cause)
      expect(maySendAgain(error)).toBe(true)
      expect(spoilsConnection(error)).toBe(true)
      expect(isBug(error)).toBe(false)
    }
  })

  it.each([
    [new TypeError('connections.post is not a function')],
    [new Error('connection timeout')],
    [new RangeError('timeout')],
    ['a string'],
    [undefined],
    [new Error('outer', { cause: new TypeError('inner') })],
  ])('of ours is a bug, and is not sent again: %s', (error) => {
    expect(isBug(error)).toBe(true)
    expect(maySendAgain(error)).toBe(false)
  })

  it('of a peer, or wrapped by a library, is no bug', () => {
    expect(isBug(socket)).toBe(false)
    expect(isBug(new UnreadableValue('31.12.2026'))).toBe(false)
    expect(isBug(new Error('released', { cause: ofServer('57014') }))).toBe(false)
    expect(isBug(Object.assign(new Error('x'), { code: 'UND_ERR_SOCKET' }))).toBe(false)
  })

  it('is told apart where every query passes', () => {
    expect(failureOf(ofServer('42601'))).toBeInstanceOf(pg.DatabaseError)
    expect(failureOf(new TypeError('no such method'))).toBeInstanceOf(TypeError)
    expect(failureOf(new Error('Connection terminated unexpectedly'))).toBeInstanceOf(
      ConnectionError,
    )
  })
})
