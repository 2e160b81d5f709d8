// Asks before an act that cannot be undone. --yes answers; without a terminal nobody else can.

import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import { UsageError } from './client.ts'

export type ConfirmOptions = { yes?: boolean }

/** Adds --yes to a command. */
export function withYes(command: Command): Command {
  return command.option('-y, --yes', 'do it without asking')
}

/**
 * Resolves if the user agrees. Throws an Error if not, and a UsageError if standard input is no
 * terminal and --yes is missing.
 */
export async function confirm(question: string, { yes }: ConfirmOptions): Promise<void> {
  if (yes) return
  if (!process.stdin.isTTY) throw new UsageError(`${question} Confirm it with --yes.`)
  if (!(await isAgreed(question))) throw new Error('Nothing was done.')
}

/** Asks on the terminal. Only y and yes agree; Ctrl-C does not. */
export async function isAgreed(question: string): Promise<boolean> {
  const reader = createInterface({ input: process.stdin, output: process.stderr })
  const ending = new AbortController()
  reader.once('SIGINT', () => ending.abort())
  // Ctrl-D.
  reader.once('close', () => ending.abort())
  try {
    const answer = await reader.question(`${question} [y/N] `, { signal: ending.signal })
    return /^y(es)?$/i.test(answer.trim())
  } catch {
    process.stderr.write('\n')
    return false
  } finally {
    reader.close()
  }
}
