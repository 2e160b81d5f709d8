// When a publish is sent again: if its outcome is unknown, or the service could not do it now.

import { AnswerError } from './client.ts'

/** Of an event, or in a row without an answer to any line. */
export const TRIES = 8
const FIRST_PAUSE_MS = 250

/** The pause after the try of this number, from 1 on. */
export const pauseMs = (tries: number) => FIRST_PAUSE_MS * 2 ** tries

/** Whether another try may have another outcome. */
export function mayRetry(error: unknown): boolean {
  return !(error instanceof AnswerError) || error.status >= 500 || error.status === 429
}
