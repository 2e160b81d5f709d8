// The process behind receiver.ts, as cheap as possible, since it takes its share of the measured
// machine. An event's key is "<entity>:<sequence within the entity>", with sequences from 0.

import '../../src/heap.js'
import { listen } from '../kit/listen.ts'
import { serveCalls } from '../kit/remote.ts'
import { within } from '../kit/until.ts'
import { createHttpServer, type Request } from './http-server.ts'
import type { ReceiverOptions, Report, Sample } from './receiver.ts'

type Stream = Report & {
  /** By entity, the next expected sequence. */
  next: Map<number, number>
  /** Keys that came too early. */
  ahead: Set<string>
}

const now = () => performance.timeOrigin + performance.now()
const newStream = (): Stream => ({
  count: 0,
  distinct: 0,
  repeated: 0,
  reordered: 0,
  latenciesMs: [],
  firstMs: Number.NaN,
  lastMs: Number.NaN,
  next: new Map(),
  ahead: new Set(),
})

/** Between two looks whether enough have arrived. */
const POLL_MS = 2

let streams = new Map<string, Stream>()
let total = 0
let options: ReceiverOptions = {}
let answers = 0

const server = createHttpServer((request) => {
  if (request.path.startsWith('/dead')) return request.answer(503)
  arrived(request)
  const delay = nextLatency()
  if (delay === 0) request.answer(200)
  else setTimeout(request.answer, delay, 200)
})

serveCalls({
  ping: () => {},
  async start(given: ReceiverOptions): Promise<string> {
    options = given
    return `http://127.0.0.1:${await listen(server)}`
  },
  set(changes: ReceiverOptions) {
    options = { ...options, ...changes }
  },
  reset() {
    streams = new Map()
    total = 0
    answers = 0
  },
  sample(path?: string): Sample {
    const { count, lastMs } = reportOf(path)
    return { count, lastMs, atMs: now() }
  },
  report: reportOf,
  async reached({ count, timeoutMs, path }: { count: number; timeoutMs: number; path?: string }) {
    if (await within(timeoutMs, () => countOf(path) >= count, POLL_MS)) return
    throw new Error(`${countOf(path)} of ${count} events arrived in ${timeoutMs} ms.`)
  },
})

function streamOf(path: string): Stream {
  let stream = streams.get(path)
  if (!stream) {
    stream = newStream()
    streams.set(path, stream)
  }
  return stream
}

function reportOf(path?: string): Report {
  return summed(path === undefined ? [...streams.values()] : [streamOf(path)])
}

function countOf(path?: string): number {
  return path === undefined ? total : (streams.get(path)?.count ?? 0)
}

function nextLatency(): number {
  const { latencyMs = 0, slowPart = 0, slowMs = 0 } = options
  answers++
  return slowPart > 0 && answers % Math.round(1 / slowPart) === 0 ? slowMs : latencyMs
}

function arrived({ path, header }: Request): void {
  const stream = streamOf(path)
  const at = now()
  if (stream.count === 0) stream.firstMs = at
  stream.lastMs = at
  stream.count++
  total++
  note(stream, header('idempotency-key') as string)
  const position = options.keepLatencies ? header('millrace-position') : undefined
  if (position !== undefined) stream.latenciesMs.push(at - Number(position) / 1000)
}

function note(stream: Stream, key: string): void {
  const colon = key.indexOf(':')
  const entity = Number(key.slice(0, colon))
  const sequence = Number(key.slice(colon + 1))
  let next = stream.next.get(entity) ?? (options.startsAnywhere ? sequence : 0)
  if (sequence < next || (sequence > next && stream.ahead.has(key))) {
    stream.repeated++
    return
  }
  stream.distinct++
  if (sequence > next) {
    stream.reordered++
    stream.ahead.add(key)
  } else {
    next++
    while (stream.ahead.size > 0 && stream.ahead.delete(`${entity}:${next}`)) next++
  }
  stream.next.set(entity, next)
}

function summed(parts: Stream[]): Report {
  const sum = (read: (stream: Stream) => number) =>
    parts.reduce((total, stream) => total + read(stream), 0)
  const times = parts.filter(({ count }) => count > 0)
  return {
    count: sum(({ count }) => count),
    distinct: sum(({ distinct }) => distinct),
    repeated: sum(({ repeated }) => repeated),
    reordered: sum(({ reordered }) => reordered),
    latenciesMs: parts.flatMap(({ latenciesMs }) => latenciesMs),
    firstMs: Math.min(...times.map(({ firstMs }) => firstMs)),
    lastMs: Math.max(...times.map(({ lastMs }) => lastMs)),
  }
}
