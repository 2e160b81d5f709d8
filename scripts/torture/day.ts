// `make torture-day`: 24 days in small. Two million events, and a midnight every eight seconds of a
// faked clock (TURN_SECONDS=60: every minute, and fewer of them): partitions are created and
// dropped, receipts and jobs come and go. The memory of each process must stay flat, and the size
// of every table but the log. EVENTS makes it shorter. Exit status 1 if something grows.

import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { migrate } from '../../src/db/migrate.ts'
import { createLogger } from '../../src/logger.ts'
import { EVENTSTREAM, send } from '../kit/client.ts'
import { createBodyServer, listen } from '../kit/listen.ts'
import { residentMiB } from '../kit/memory.ts'
import { startPair } from '../kit/pair.ts'
import { OPEN_SERVICE } from '../kit/program.ts'
import { startService } from '../kit/service.ts'
import { exitAtSignals } from '../kit/signals.ts'
import { shadowClock, shadowPartitions } from './clock.ts'
import { createSession } from './session.ts'

const { EVENTS = '2000000', TURN_SECONDS = '8' } = process.env
const events = Number(EVENTS)
const turnMs = Number(TURN_SECONDS) * 1_000
const DAY_MS = 86_400_000
const TENANT = 'day'
const PUBLISHERS = 64
const ENTITIES = 5_000
const MOST_BACKLOG = 10_000
/** The allowed growth from the middle third of a run to its last third. */
const GROWTH = 1.25
const GROWTH_BYTES = 16 * 1024 * 1024
const BYTES_PER_MIB = 1024 * 1024
/** The faked clock begins half a turn before midnight. */
const startMs = Date.now()
const offsetMs = DAY_MS - (startMs % DAY_MS) - turnMs / 2

type Sample = { turn: number; published: number; delivered: number; sizes: Map<string, number> }

const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-day-'))
const database = await startPair(directory)
const session = createSession(() => database.primary.url)
await shadowClock(
  session,
  (clock) => `interval '1 millisecond' * (${offsetMs} + ${DAY_MS - turnMs} *
    floor((extract(epoch from ${clock}) * 1000 - ${startMs}) / ${turnMs}))`,
)
await migrate(database.primary.url, createLogger('error'))
await shadowPartitions(session)
const receiver = await startReceiver()
const processes = [await start('serve'), await start('work')]
const stopAtExit = () => {
  for (const { process: child } of processes) child.kill('SIGKILL')
}
process.on('exit', stopAtExit)
exitAtSignals()
const url = processes[0]?.url as string
await post(EVENTSTREAM, {
  id: 'erp',
  integration_type: 'permanent',
  callback_parameters: { callback_url: receiver.url },
})

let begun = 0
let published = 0
const samples: Sample[] = []
const sampling = sampleEveryTurn()
await Promise.all(Array.from({ length: PUBLISHERS }, publish))
while (receiver.distinct() < events) await sleep(100)
await sampling
await Promise.all(processes.map(({ kill }) => kill('SIGTERM')))
await session.close()
await database.stop()
process.off('exit', stopAtExit)
rmSync(directory, { recursive: true, force: true })
process.exit(report() ? 0 : 1)

async function start(command: 'serve' | 'work') {
  const environment = {
    ...OPEN_SERVICE,
    NODE_OPTIONS: `--import ${path.join(import.meta.dirname, 'faked-clock.ts')}`,
    FAKED_START_MS: String(startMs),
    FAKED_OFFSET_MS: String(offsetMs),
    FAKED_TURN_MS: String(turnMs),
    DATABASE_URL: database.primary.url,
    MILLRACE_DATA_DIR: directory,
    MILLRACE_RETENTION_DAYS: '2',
    MILLRACE_LOG_LEVEL: 'error',
  }
  const service = await startService(command, environment)
  service.process.stderr.pipe(process.stderr)
  return { name: command, ...service }
}

/** A receiver that accepts everything and counts new events. */
async function startReceiver() {
  const seen = new Uint8Array(events)
  let distinct = 0
  const server = createBodyServer(({ headers }, _, response) => {
    const serial = Number(headers['idempotency-key'])
    if (seen[serial] === 0) distinct++
    seen[serial] = 1
    response.end()
  })
  const port = await listen(server)
  return { url: `http://127.0.0.1:${port}/`, distinct: () => distinct }
}

async function post(where: string, body: unknown, headers: Record<string, string> = {}) {
  const sent = { headers: { tenant: TENANT, ...headers }, body: JSON.stringify(body) }
  return (await send(url + where, sent)).status
}

async function publish(): Promise<void> {
  while (begun < events) {
    while (published - receiver.distinct() > MOST_BACKLOG) await sleep(20)
    const serial = begun++
    if (serial >= events) return
    const headers = {
      team: 'team-day',
      service: 'day',
      'entity-id': `e${serial % ENTITIES}`,
      'idempotency-key': String(serial),
    }
    while ((await post('/events/order.created', { serial }, headers)) !== 201) await sleep(50)
    published++
  }
}

async function sampleEveryTurn(): Promise<void> {
  for (let turn = 1; receiver.distinct() < events; turn++) {
    while (Date.now() < startMs + turn * turnMs && receiver.distinct() < events) await sleep(100)
    const sizes = await tableSizes()
    for (const {
      name,
      process: { pid },
    } of processes)
      sizes.set(`memory of ${name}`, memoryOf(pid))
    const sample = { turn, published, delivered: receiver.distinct(), sizes }
    samples.push(sample)
    const shown = [...sizes].map(([name, bytes]) => `${name} ${megabytes(bytes)}`)
    console.log(`day ${turn}: ${published} published, ${sample.delivered} delivered`)
    console.log(`  ${shown.join(', ')}`)
  }
}

/** Bytes of each table with its partitions and indexes. */
async function tableSizes(): Promise<Map<string, number>> {
  const rows = await session.ask<{ name: string; bytes: number; parts: number }>(`
    select
      regexp_replace(relname, '_[0-9]{8}$', '') as name,
      sum(pg_total_relation_size(oid))::bigint as bytes
    from pg_class
    where relkind = 'r' and relnamespace::regnamespace::text in ('public', 'graphile_worker')
    group by 1
    having sum(pg_total_relation_size(oid)) > 100000
    order by 1`)
  return new Map((rows ?? []).map(({ name, bytes }) => [name, bytes]))
}

/** Throws if the process has ended. */
function memoryOf(pid: number | undefined): number {
  const mebibytes = residentMiB(pid ?? 0)
  if (Number.isNaN(mebibytes)) throw new Error(`The process ${pid} has ended.`)
  return mebibytes * BYTES_PER_MIB
}

/** Compares the maxima of the middle and the last third of the run. */
function report(): boolean {
  const third = Math.floor(samples.length / 3)
  const most = (part: Sample[], name: string) =>
    Math.max(0, ...part.map(({ sizes }) => sizes.get(name) ?? 0))
  let isFlat = true
  const names = new Set(samples.flatMap(({ sizes }) => [...sizes.keys()]))
  console.log(`\n${''.padEnd(24)}${'middle third'.padStart(14)}${'last third'.padStart(14)}`)
  for (const name of names) {
    const middle = most(samples.slice(third, 2 * third), name)
    const last = most(samples.slice(2 * third), name)
    const isLog = name === 'event' || name === 'event_key'
    const grows = !isLog && third > 0 && last > middle * GROWTH && last > middle + GROWTH_BYTES
    if (grows) isFlat = false
    const trend = isLog ? 'the log' : grows ? 'GROWS' : 'flat'
    const sizes = [middle, last].map((bytes) => megabytes(bytes).padStart(14)).join('')
    console.log(`${name.padEnd(24)}${sizes}  ${trend}`)
  }
  console.log(`${published} events, ${receiver.distinct()} delivered, ${samples.length} days`)
  return isFlat
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`
}
