// One run: blocks of requests with their own tenants, then checks of the service's memory,
// connections and output.

import type pg from 'pg'
import { type Document, operationsOf } from '../kit/document.ts'
import { createFindings, type Findings } from '../kit/findings.ts'
import { BLOCK, type Run, sendBatch, type Tally } from './batch.ts'
import { CREDENTIAL, createJudge } from './judge.ts'
import { makeTenants, type Operate } from './people.ts'
import { chanceOf } from './request.ts'
import { ADMIN_TOKEN, JWT_SECRET, type Memory, type Service, startService } from './service.ts'
import { watchStored } from './stored.ts'
import { SECRET } from './values.ts'
import { createWire, type Wire } from './wire.ts'

const BATCH = 100
const TENANTS = 3
const CONNECTIONS = 6
/** The service's memory is measured from here on: caches are full, code is compiled. */
const WARM_UP = 0.3
/** A leak of 1 KB a request is more than this after some thousand requests. */
const HEAP_PER_REQUEST = 300
const HEAP_BYTES = 4 * 1024 * 1024

/**
 * Most of these succeed only if a target accepts an event, and there is none. So a replay of a
 * subscription has failed before anybody can cancel it. The root is for browsers, only the page
 * knows the version in the paths of its files, a code to sign in with is made for a terminal, and
 * metrics are for a token of every tenant.
 */
export const NEVER_TAKEN = [
  ...['getRoot', 'getConsoleFile', 'getMetrics'],
  ...['signIn', 'startOpenId', 'finishOpenId'],
  'cancelSubscriptionReplay',
  ...['retryRejectedEvent', 'retryRejectedEvents'],
  ...['retrySubscriptionRejectedEvent', 'retrySubscriptionRejectedEvents'],
]
/** After this many successes an operation gets no more than its share of the requests. */
const ENOUGH = 6

export type Report = {
  seed: number
  count: number
  findings: Findings
  tallies: Map<string, Tally>
  slowestMs: number
  /** More than after the warm-up, in bytes. */
  growth: Memory
}

type Options = {
  seed: number
  count: number
  /** Migrated, and used by nobody else. */
  database: { url: string; pool: pg.Pool }
  say(line: string): void
  /** By how much resident memory may grow: it shows a leak only if nothing else runs. */
  residentBytes?: number
  /** Whether to end early. */
  isOver?: () => boolean
}

/** Sends `count` requests to a service of its own. */
export async function fuzz(options: Options): Promise<Report> {
  const { seed, count, database } = options
  const findings = createFindings()
  const service = await startService(database.url)
  const wires = Array.from({ length: CONNECTIONS }, () => createWire(service.url))
  try {
    const document = await readDocument(wires[0] as Wire)
    const operations = operationsOf(document)
    const run: Run = {
      url: service.url,
      pool: database.pool,
      findings,
      operations,
      wires,
      judge: createJudge(document, operations),
      stored: await watchStored(database.pool, findings),
      tallies: new Map(),
      seen: new Set(),
      slowestMs: 0,
    }
    const growth = await sendAll(run, service, options)
    return { seed, count, findings, growth, tallies: run.tallies, slowestMs: run.slowestMs }
  } finally {
    for (const wire of wires) wire.close()
    await judgeEnd(service, findings)
  }
}

async function readDocument(wire: Wire): Promise<Document> {
  const answer = await wire.send(Buffer.from('GET /openapi.json HTTP/1.1\r\nhost: a\r\n\r\n'))
  return JSON.parse(String(answer?.body))
}

/** Sends everything; returns the memory growth since the warm-up. */
async function sendAll(run: Run, service: Service, options: Options): Promise<Memory> {
  const { seed, count, say, isOver = () => false, residentBytes = Infinity } = options
  const { listenerPort } = service
  const warm = Math.ceil((count * WARM_UP) / BLOCK) * BLOCK
  let before = await service.memory()
  for (let from = 0; from < count; from += BLOCK) {
    if (from === warm) before = await service.memory()
    // In the second half of the run the shared host name leads to the listener.
    if (from * 2 >= count) service.rebind()
    const operate = operateOn(run.wires[0] as Wire)
    const tenants = await makeTenants(TENANTS, chanceOf(seed, -1 - from), operate)
    const block = { tenants, secret: JWT_SECRET, listenerPort, seed, rare: rareOf(run) }
    const end = Math.min(from + BLOCK, count)
    for (let at = from; at < end; at += BATCH) {
      if (isOver()) throw new Error('Ended by a signal.')
      await sendBatch(run, block, at, Math.min(at + BATCH, end))
    }
    if (end % 10_000 === 0) say(`${end} requests`)
  }
  const after = await service.memory()
  const growth = { heap: after.heap - before.heap, resident: after.resident - before.resident }
  judgeGrowth(growth, count - warm, { findings: run.findings, residentBytes })
  return growth
}

/** Operations that need more requests to succeed: a few successes are enough. */
const rareOf = ({ operations, tallies }: Run) =>
  operations.filter(
    ({ id }) => !NEVER_TAKEN.includes(id) && (tallies.get(id)?.successes ?? 0) < ENOUGH,
  )

/** A call with the admin token that must be a success; its body. */
const operateOn =
  (wire: Wire): Operate =>
  async (method, path, body, headers = {}) => {
    const text = body ? JSON.stringify(body) : ''
    const head = [
      ...[`${method} ${path} HTTP/1.1`, 'host: fuzz.test', `authorization: Bearer ${ADMIN_TOKEN}`],
      ...['content-type: application/json', `content-length: ${text.length}`],
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ]
    const answer = await wire.send(Buffer.from(`${head.join('\r\n')}\r\n\r\n${text}`))
    if (!answer || answer.status >= 300) throw new Error(`${method} ${path}: ${answer?.body}`)
    return JSON.parse(answer.body.toString())
  }

function judgeGrowth(
  { heap, resident }: Memory,
  requests: number,
  { findings, residentBytes }: { findings: Findings; residentBytes: number },
): void {
  if (heap > HEAP_BYTES + HEAP_PER_REQUEST * requests) {
    findings.broke('memory', `the heap grew by ${heap} bytes in ${requests} requests`)
  }
  if (resident > residentBytes) {
    findings.broke('memory', `resident memory grew by ${resident} bytes in ${requests} requests`)
  }
}

/** Ends the service; checks its exit, its connections, and its output. */
async function judgeEnd(service: Service, findings: Findings): Promise<void> {
  const statuses = await service.stop()
  if (statuses.some((status) => status !== 0)) {
    findings.broke('a process ended', `with ${statuses.join(' and ')}`)
  }
  if (service.connections() > 0) {
    findings.broke('a private target was called', `${service.connections()} times`)
  }
  const [serve, work] = service.output()
  for (const line of `${serve}\n${work}`.split('\n')) {
    if (line.includes(SECRET) || CREDENTIAL.test(line)) findings.broke('a secret in the log', line)
    if (/"level":60|\bbug\b/.test(line)) findings.broke('a bug', line)
  }
  // A worker may log failures around it; a server has nothing to log.
  for (const line of serve.split('\n')) {
    if (line.includes('"level":50')) findings.broke('an error in the log', line)
  }
}
