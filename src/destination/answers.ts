// Tracks how much of an answer a connection has read. RFC 9110 15.2 has clients skip an unrequested
// `100 Continue`, but undici takes it for an error; 102 and 103 it skips. So this changes the last
// digit of such a status to a 2 before undici's parser reads it.

import type { Socket } from 'node:net'

const LF = 10
const CR = 13
const ZERO = 48
const ONE = 49
const TWO = 50
/** The offset of the status in "HTTP/1.1 100 Continue". */
const STATUS_AT = 9

export type AnswerWatch = {
  /** Whether a byte of the current answer was read. */
  readonly hasBegun: boolean
  /** Ends the answer: the next byte belongs to the next one. */
  next(): void
}

/** Watches what is read from a socket from now on; the first byte begins an answer. */
export function watchAnswers(socket: Socket): AnswerWatch {
  const read = socket.read.bind(socket)
  let hasBegun = false
  let part: 'status line' | 'interim head' | 'rest' = 'status line'
  /** How many bytes of the status line were read. */
  let at = 0
  /** Whether the status so far is a beginning of 100. */
  let isContinue = false
  let isLineEmpty = false

  socket.read = (size?: number) => {
    const chunk: Buffer | null = read(size)
    if (chunk === null || chunk.length === 0) return chunk
    hasBegun = true
    for (let i = 0; i < chunk.length && part !== 'rest'; i++) {
      if (part === 'status line') readStatus(chunk, i)
      else readInterim(chunk[i])
    }
    return chunk
  }

  return {
    get hasBegun() {
      return hasBegun
    },
    next() {
      hasBegun = false
      part = 'status line'
      at = 0
    },
  }

  function readStatus(chunk: Buffer, i: number): void {
    const byte = chunk[i]
    // The parser, too, skips an empty line before a status line.
    if (at === 0 && (byte === CR || byte === LF)) return
    const digit = at++ - STATUS_AT
    if (digit === 0) {
      isContinue = byte === ONE
      if (!isContinue) part = 'rest'
    } else if (digit === 1) {
      isContinue &&= byte === ZERO
    } else if (digit === 2) {
      if (isContinue && byte === ZERO) chunk[i] = TWO
      part = 'interim head'
      isLineEmpty = false
    }
  }

  /** The head ends at an empty line; then the next status line follows. */
  function readInterim(byte: number | undefined): void {
    if (byte === LF && isLineEmpty) {
      part = 'status line'
      at = 0
    } else if (byte === LF) isLineEmpty = true
    else if (byte !== CR) isLineEmpty = false
  }
}
