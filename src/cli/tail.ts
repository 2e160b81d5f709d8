// millrace tail: prints events as they are published. With --state it goes on where it ended: the
// file has the position up to which all was printed.

import { existsSync, renameSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { printable, printableJson } from '../input/printable.ts'
import { readNamedFile } from './arguments.ts'
import { UsageError } from './client.ts'
import { type CommonOptions, exchangeOf, type Surroundings, withCommon } from './client-command.ts'
import { type FilterOptions, filterQuery, withFilters } from './event-filter.ts'
import { followLog } from './follow-log.ts'
import { timeOfOption } from './time.ts'

/** At most this often, and at the end. */
const STORED_MS = 200

type TailOptions = CommonOptions &
  FilterOptions & { after?: string; from?: string; to?: string; state?: string }

/** Adds the command to the parser. */
export function declareTail(command: Command, surroundings: Surroundings): void {
  command.description('Prints events as they are published, over restarts of the service.')
  withCommon(withFilters(command), "millrace tail --name 'order.*' --json")
    .option('--after <position>', 'begin beyond this position; else with the next event')
    .option('--from <time>', 'begin with what was published then')
    .option('--to <time>', 'end with what was published before then')
    .option('--state <file>', 'go on from the position in this file, and store it there')
    .action((options: TailOptions) => tail(options, surroundings))
}

async function tail(options: TailOptions, surroundings: Surroundings): Promise<void> {
  const client = exchangeOf(surroundings, options).client
  const end = options.to ? microsecondsOf('--to', options.to) : Infinity
  const ending = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort())
  // Nobody reads on: | head.
  process.stdout.once('error', () => ending.abort())
  const state = createState(options.state)
  await followLog(client, {
    query: filterQuery(options),
    after: state.position ?? startOf(options),
    signal: ending.signal,
    async onEvent(line, position) {
      if (position >= end) return
      await write(`${options.json ? jsonOf(line, surroundings) : lineOf(line)}\n`, ending.signal)
    },
    onPosition(position) {
      state.store(Math.min(position, end - 1))
      return position < end && !ending.signal.aborted
    },
    onEnd: (reason) => surroundings.note(`${printable(reason)}: again in a moment`),
  }).finally(() => state.flush())
}

function jsonOf(line: string, { isTerminal }: Surroundings): string {
  return isTerminal ? printableJson(line) : line
}

function lineOf(line: string): string {
  const { published_at, position, name, entity_id, payload } = JSON.parse(line)
  const head = `${published_at}  ${position}  ${name}  ${entity_id}`
  return printable(`${head}  ${JSON.stringify(payload)}`)
}

/** Writes, and waits for a reader that is slow. */
function write(text: string, signal: AbortSignal): Promise<void> {
  if (process.stdout.write(text) || signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    process.stdout.once('drain', resolve)
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function startOf({ after, from }: TailOptions): number | undefined {
  if (after !== undefined) {
    if (!/^\d{1,16}$/.test(after)) throw new UsageError(`${after} is not a position.`)
    return Number(after)
  }
  return from === undefined ? undefined : microsecondsOf('--from', from) - 1
}

function microsecondsOf(option: string, text: string): number {
  return Date.parse(timeOfOption(option, text)) * 1_000
}

/** The position in a file, if one is named. */
function createState(file: string | undefined) {
  let position = file === undefined ? undefined : readState(file)
  let stored = position
  let storedAt = 0
  const flush = () => {
    if (file === undefined || position === undefined || position === stored) return
    writeFileSync(`${file}.draft`, `${position}\n`)
    renameSync(`${file}.draft`, file)
    stored = position
    storedAt = Date.now()
  }
  return {
    position,
    store(next: number): void {
      position = next
      if (Date.now() - storedAt >= STORED_MS) flush()
    },
    flush,
  }
}

function readState(file: string): number | undefined {
  if (!existsSync(file)) return undefined
  const text = readNamedFile(file).toString('utf8').trim()
  if (/^\d{1,16}$/.test(text)) return Number(text)
  throw new UsageError(`${file} has no position.`)
}
