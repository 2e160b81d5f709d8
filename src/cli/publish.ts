// millrace publish: publishes events of a file or of standard input, one a line, in batches: what
// arrives while one is under way is the next one. The key of an event makes a repetition harmless:
// a batch whose outcome is unknown is sent again, and so is a file after Ctrl-C.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { printable } from '../input/printable.ts'
import { openNamedFile } from './arguments.ts'
import { type ServiceClient, UsageError } from './client.ts'
import { type CommonOptions, exchangeOf, type Surroundings, withCommon } from './client-command.ts'
import { readLines } from './lines.ts'
import { type OneOptions, publishOne } from './publish-one.ts'
import { mayRetry, pauseMs, TRIES } from './publish-retry.ts'
import { bar, createStatusLine } from './status-line.ts'

const BATCH_LINES = 1_000
const BATCH_CHARACTERS = 4 * 1024 * 1024
/** For one batch, its answers included. */
const BATCH_MS = 120_000
/** The refusals that are printed. */
const SHOWN = 20
/** `tail --json` has these two more than an event that is published. */
const OF_THE_LOG = /^\{"position":\d+,"published_at":"[^"]*",/
/** The service could not do it now. */
const LATER = ['unavailable', 'overloaded', 'rate_limited', 'internal_error']

type PublishOptions = CommonOptions & Pick<OneOptions, 'team' | 'service' | 'imported'>
type Answer = {
  position?: number
  duplicate?: boolean
  error?: { code: string; message: string }
}
type Line = { number: number; text: string }

/** Adds the command to the parser. */
export function declarePublish(command: Command, surroundings: Surroundings): void {
  command.description(
    'Publishes the events of a file, or of standard input, one a line. An event that was ' +
      'published before is not published again: run it again after a break. With --name it ' +
      'publishes one event, whose payload is the file.',
  )
  command.argument('[file]', 'JSON lines, or a payload; - is standard input', '-')
  withCommon(command, 'millrace publish events.ndjson --team team-orders --service shop')
    .option('--team <team>', 'the team of lines that name none')
    .option('--service <service>', 'the service of lines that name none')
    .option('--imported', 'for reading and replays alone: no live stream sends them')
    .option('--name <name>', 'publish one event of this name')
    .option('--entity-id <id>', 'of that event: the id of what it is about')
    .option('--key <key>', 'of that event: its idempotency key; else a new one')
    .option('--order-id <id>', 'of that event: the order that it belongs to')
    .option('--customer-id <id>', 'of that event: the customer, likewise')
    .action((file: string, options: PublishOptions & OneOptions) => {
      if (file === '-' && process.stdin.isTTY) {
        throw new UsageError('Name a file, or pipe events in.')
      }
      const isOne = options.name !== undefined
      return isOne ? publishOne(file, options, surroundings) : publish(file, options, surroundings)
    })
}

async function publish(
  file: string,
  options: PublishOptions,
  surroundings: Surroundings,
): Promise<void> {
  const opened = file === '-' ? undefined : openNamedFile(file)
  const input = opened?.input ?? process.stdin
  const counts = { published: 0, known: 0, refused: 0 }
  const ending = new AbortController()
  // A pipe is read to its end, which the same Ctrl-C brings about: its state is stored already.
  process.once('SIGINT', () => {
    if (file !== '-') return ending.abort()
    process.once('SIGINT', () => ending.abort())
  })
  const send = createSender(exchangeOf(surroundings, options).client, options)
  const progress = createStatusLine()
  const doneOf = shareRead(opened)
  for await (const batch of batchesOf(input, ending.signal)) {
    await send(batch, ({ number }, answer) => {
      if (answer.error) {
        counts.refused++
        const { code, message } = answer.error
        if (counts.refused <= SHOWN)
          surroundings.note(printable(`line ${number}: ${code}: ${message}`))
      } else if (answer.duplicate) counts.known++
      else counts.published++
      if (options.json) surroundings.print(JSON.stringify(answer))
    })
    progress.show(`${doneOf()}${sentenceOf(counts)}`)
  }
  progress.clear()
  input.destroy()
  const stopped = ending.signal.aborted ? ' Run it again to go on.' : ''
  surroundings.note(`${sentenceOf(counts)}.${stopped}`)
  if (counts.refused > 0) process.exitCode = 1
}

type Counts = { published: number; known: number; refused: number }

const sentenceOf = ({ published, known, refused }: Counts) =>
  `${published} published, ${known} known before, ${refused} refused`

/** A bar of what was read of a file; nothing for a pipe, whose end is not known. */
function shareRead(opened?: { input: { bytesRead: number }; size: number }): () => string {
  if (!opened) return () => ''
  const { input, size } = opened
  return () => `${bar(input.bytesRead / (size || 1))}  `
}

/** The lines that have arrived, at most a batch of them; the reader waits while one is full. */
async function* batchesOf(
  input: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Line[]> {
  const lines = readLines(input)
  let number = 0
  const next = () => lines.next().then(({ done, value }) => (done ? undefined : { text: value }))
  const aborted = new Promise<undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  let coming = next()
  for (;;) {
    const batch: Line[] = []
    let size = 0
    let line = await Promise.race([coming, aborted])
    while (line && !signal.aborted) {
      number++
      const text = line.text.replace(OF_THE_LOG, '{')
      if (text.trim() !== '') batch.push({ number, text })
      size += text.length
      coming = next()
      if (batch.length >= BATCH_LINES || size >= BATCH_CHARACTERS) break
      // A line that has not arrived by now belongs to the next batch.
      const soon = new Promise<'later'>((resolve) => setImmediate(resolve, 'later'))
      const arrived = await Promise.race([coming, soon])
      if (arrived === 'later') break
      line = arrived
    }
    if (batch.length > 0) yield batch
    if (!line || signal.aborted) return
  }
}

/** Sends a batch until each of its lines has an answer. Rejects if the service goes on to fail. */
function createSender(client: ServiceClient, { team, service, imported }: PublishOptions) {
  const headers = {
    'content-type': 'application/x-ndjson',
    ...(team ? { team } : {}),
    ...(service ? { service } : {}),
    ...(imported ? { live: 'false' } : {}),
  }
  return async (batch: Line[], onAnswer: (line: Line, answer: Answer) => void): Promise<void> => {
    let answered = 0
    let tries = 0
    while (answered < batch.length) {
      const before = answered
      const body = batch
        .slice(answered)
        .map(({ text }) => `${text}\n`)
        .join('')
      let failure: Error | undefined
      try {
        const signal = AbortSignal.timeout(BATCH_MS)
        const answer = await client.open('POST', '/events', { headers, body, signal })
        for await (const text of readLines(answer.body as AsyncIterable<Uint8Array>)) {
          const result: Answer = JSON.parse(text)
          if (result.error && LATER.includes(result.error.code)) {
            failure = new Error(result.error.message)
            break
          }
          onAnswer(batch[answered++] as Line, result)
        }
      } catch (error) {
        if (!mayRetry(error)) throw error
        failure = error as Error
      }
      tries = answered > before ? 0 : tries + 1
      if (answered === batch.length) return
      if (tries >= TRIES) throw failure ?? new Error('The service answers only in part.')
      await sleep(pauseMs(tries))
    }
  }
}
