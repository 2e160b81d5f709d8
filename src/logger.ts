// Structured logs, one JSON object a line on standard error: standard output belongs to the
// commands. On a terminal a line is text for people. Never pass a request body, a header or a
// configuration document to it: so secrets cannot leak.

import pino from 'pino'
import { printable, printableJson } from './input/printable.ts'

export type Logger = pino.Logger

/**
 * A logger that writes lines at `level` and above to standard error. `auto` is `pretty` on a
 * terminal, and `json` otherwise.
 */
export function createLogger(level: string, format: 'auto' | 'json' | 'pretty' = 'json'): Logger {
  const options = { level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }
  const isTerminal = process.stderr.isTTY === true
  const isPretty = format === 'pretty' || (format === 'auto' && isTerminal)
  const lines = pino.destination({ dest: 2, sync: true })
  if (!isPretty) return pino(options, lines)
  return pino(options, { write: (line) => void lines.write(prettyLine(line, isTerminal)) })
}

/** By level: what a person sees, and its colour on a terminal (ANSI). */
const LEVELS: Record<number, [name: string, colour: number]> = {
  20: ['debug', 90],
  30: ['info', 32],
  40: ['warn', 33],
  50: ['error', 31],
  60: ['fatal', 31],
}

/** Longer values of fields end here. */
const MOST_CHARACTERS = 300

/** 03:12:44.120 warn  turn broken off tenant=dodici reason="The lease is lost." */
function prettyLine(json: string, isColoured: boolean): string {
  const { level, time, pid: _, msg = '', ...fields } = JSON.parse(json)
  const [name, colour] = LEVELS[level] ?? [String(level), 0]
  const padded = name.padEnd(5)
  const shown = isColoured ? `\u001b[${colour}m${padded}\u001b[0m` : padded
  const pairs = Object.entries(fields).map(([key, value]) => ` ${key}=${textOf(value)}`)
  return `${time.slice(11, 23)} ${shown} ${printable(msg)}${pairs.join('')}\n`
}

/**
 * As JSON, without the quotes of a single word. A log may quote text from outside: it must not
 * control the terminal.
 */
function textOf(value: unknown): string {
  if (typeof value === 'string' && /^[\w./:@+-]+$/.test(value)) return value
  const text = printableJson(JSON.stringify(value))
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text
}
