// The results of a command: lines for people, coloured on a terminal, or one JSON value a line for
// programs. Node's styleText knows NO_COLOR.

import { styleText } from 'node:util'
import { printable, printableJson } from '../input/printable.ts'

export type Output = {
  /** A line on standard output. */
  print(line: string): void
  /** Whether standard output is a terminal: then nothing that controls it may be printed. */
  isTerminal: boolean
}

type Tone = 'good' | 'careful' | 'bad'
const COLOURS = { good: 'green', careful: 'yellow', bad: 'red' } as const

/** A line for people; `tone` is how well that is. */
export type ShownLine = string | { text: string; tone: Tone | undefined }

/** Prints a value, or its lines for people. */
export type Show = (value: unknown, lines: () => ShownLine[]) => void

/** Prints JSON with --json, else lines for people. */
export function showJson(
  output: Output,
  options: { json?: boolean },
  json: string,
  lines: () => ShownLine[],
): void {
  if (options.json) output.print(output.isTerminal ? printableJson(json) : json)
  else for (const line of lines()) output.print(styled(output, line))
}

/** A line without control codes except its own colour. */
export function styled({ isTerminal }: Output, line: ShownLine): string {
  if (typeof line === 'string') return printable(line)
  const text = printable(line.text)
  return isTerminal && line.tone ? styleText(COLOURS[line.tone], text) : text
}

/** The fields of an object, for people; `omit` are those that are shown otherwise. */
export function fieldLines(value: object, omit: string[] = []): string[] {
  return Object.entries(value)
    .filter(([name, field]) => field !== undefined && field !== null && !omit.includes(name))
    .map(([name, field]) => {
      const text = typeof field === 'string' ? field : JSON.stringify(field)
      return `  ${name}: ${text}`
    })
}
