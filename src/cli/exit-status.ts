// The statuses with which a command ends (docs/cli.md).

import { AnswerError, NoAnswer, NoToken, UsageError } from './client.ts'

/** 1: failed for any other reason. 0: done, or ended by a signal. */
const FAILED = 1
const USAGE = 2
const NOT_FOUND = 3
const NOT_ALLOWED = 4
const NOT_NOW = 5

/** The exit status for what a command has thrown. */
export function exitStatusOf(error: unknown): number {
  if (error instanceof UsageError) return USAGE
  if (error instanceof NoToken) return NOT_ALLOWED
  if (error instanceof NoAnswer) return NOT_NOW
  if (!(error instanceof AnswerError)) return FAILED
  const { status } = error
  if (status === 404) return NOT_FOUND
  if (status === 401 || status === 403) return NOT_ALLOWED
  return status === 429 || status === 503 ? NOT_NOW : FAILED
}
