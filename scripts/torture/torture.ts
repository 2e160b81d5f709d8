// One run: the service is started, loaded and harmed; then it is left alone, drains, and is
// checked.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createChance } from '../kit/chance.ts'
import { createFindings } from '../kit/findings.ts'
import { startPair } from '../kit/pair.ts'
import { within } from '../kit/until.ts'
import { checkAlerts } from './alerts.ts'
import {
  checkDeliveries,
  checkLeases,
  checkLog,
  checkProjections,
  checkReceipts,
  checkRecoveries,
  checkReplays,
  checkStops,
  type Evidence,
} from './check.ts'
import { createClient } from './client.ts'
import { noteCommitTimes, shadowClock, shadowPartitions } from './clock.ts'
import { sampleCursors } from './cursors.ts'
import { destinations } from './destinations.ts'
import { startFollowers } from './followers.ts'
import { createHarmer } from './harm.ts'
import { createHarmLog } from './harm-log.ts'
import { relieve, startIntegrations, watchedCount } from './integrations.ts'
import { createJournal } from './journal.ts'
import { SILENT_TENANT, sendToSilence, startNames } from './names.ts'
import { cutToday, oldDays } from './partitions.ts'
import { PROBED_ENTITIES } from './probe.ts'
import type { Managed } from './processes.ts'
import { publishAll } from './publishers.ts'
import { startQueues } from './queues.ts'
import type { Outcome } from './report.ts'
import { type HarmKind, scheduleByTurns, scheduleHarm } from './schedule.ts'
import { LEASE_MS, migrateWith, rebuildConfigWith, startService } from './service.ts'
import { createSession, type Session } from './session.ts'
import { createOperator } from './skip.ts'
import { watchForStarvation } from './starvation.ts'

type TortureOptions = {
  seed: number
  seconds: number
  /** At most this many events a second; fewer may get through. */
  perSecond: number
  /** The src/main.ts under torture. */
  program: string
  /** Harm of these kinds only, each by itself; undefined: of all kinds. */
  only?: HarmKind[] | undefined
  /** The time limit for draining. */
  drainMs: number
  say(line: string): void
}

const PUBLISHERS = 48
const PUBLISHERS_IN_SQL = 4
const PUBLISHERS_IN_BULK = 3
const RELIEVE_MS = 500
const SKIP_MS = 100
/** Between two polls of the database while it drains. */
const POLL_MS = 50

/** Runs once. If something broke, its directory with all logs is kept, and printed. */
export async function torture(options: TortureOptions): Promise<Outcome> {
  const { seed, seconds, say } = options
  const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-torture-'))
  const findings = createFindings()
  const database = await startPair(directory)
  const connect = () => createSession(() => database.primary.url)
  const session = connect()
  const sampling = connect()
  const logs = path.join(directory, 'logs')
  mkdirSync(logs)
  await noteCommitTimes(database, session)
  await shadowClock(session)
  await migrateWith(options.program, database.primary.url, directory)
  await shadowPartitions(session)
  const midnights = await cutToday(connect(), Math.max(10_000, (seconds * 1_000) / 6))
  const names = await startNames()
  const { servers, workers, proxies } = await startService(database, {
    program: options.program,
    directory,
    logs,
    findings,
    names,
  })
  const stopAtExit = () => {
    for (const { pid } of [...servers, ...workers]) kill(pid())
    for (const pid of database.pids()) kill(pid)
  }
  process.on('exit', stopAtExit)
  let isOver = false
  let hasPublished = false
  const client = createClient(servers, () => isOver)
  const journal = createJournal(findings)
  const harmLog = createHarmLog(() => journal.size, watchedCount(destinations))
  const chance = createChance(seed + 1)
  const services = { client, chance, journal, findings, harmLog }
  await within(60_000, () => [...servers, ...workers].every((each) => each.isReady()))
  const integrations = await startIntegrations(destinations, services)
  const annoying = sendToSilence(services, () => isOver)
  const queues = await startQueues(services, seed + 3)
  const followers = startFollowers(servers, { chance: createChance(seed + 4), findings })
  const sampler = sampleCursors(sampling, findings)
  // The targets that get every event: of the first kind, the one of each tenant without a filter.
  const every = integrations.slice(0, destinations[0]?.plans.length)
  const taking = every.filter(({ filter }) => !filter)

  const watching = watchForStarvation(harmLog)

  say(`seed ${seed}, ${seconds} s of harm in ${directory}`)
  const started = Date.now()
  const deadline = started + seconds * 1_000
  const victims = { database, session, servers, workers, proxies, integrations, services }
  const harmer = createHarmer({ ...victims, kinds: destinations, harmLog })
  const harming = harmer.run(
    options.only ? scheduleByTurns(seed, seconds, options.only) : scheduleHarm(seed, seconds),
  )
  const publishing = publishAll(
    {
      ...services,
      connect,
      backlog: () =>
        taking.reduce((rest, { ledger }) => rest - ledger.counts.first, journal.stored),
    },
    {
      seed: seed + 2,
      firstEntity: PROBED_ENTITIES,
      count: PUBLISHERS,
      inSql: PUBLISHERS_IN_SQL,
      inBulk: PUBLISHERS_IN_BULK,
      perSecond: options.perSecond,
      isOver: () => hasPublished,
    },
  )
  const relieving = (async () => {
    const picky = integrations.filter(({ character }) => character === 'picky')
    while (Date.now() < deadline) {
      await sleep(RELIEVE_MS)
      for (const each of [...picky, ...pickyReplays()]) await relieve(services, each)
    }
  })()
  const operator = createOperator(services)
  const skipping = (async () => {
    const flaky = every.filter(({ character }) => character === 'flaky')
    while (Date.now() < deadline) {
      await sleep(SKIP_MS)
      for (const each of flaky) await operator.look(each)
    }
  })()

  function pickyReplays() {
    return harmer.replays.filter(({ character }) => character === 'picky')
  }

  const toggling = queues.toggle(() => Date.now() > deadline)

  await Promise.all([sleep(seconds * 1_000), relieving, skipping, toggling])
  harmer.end()
  await harming
  // Harm comes last. While the leases of the dead last, publishers wake nobody, and then nobody
  // publishes any more: only the sweep can find what is behind.
  const lastKill = harmLog.began('kill both workers')
  for (const worker of workers) worker.kill()
  lastKill()
  hasPublished = true
  await publishing
  const publishedFor = Date.now() - started
  say(`${journal.stored} events in ${Math.round(publishedFor / 1000)} s; draining`)
  for (const { target } of [...integrations, ...harmer.replays]) target.heal()
  await queues.heal()
  const drainStarted = Date.now()
  const hasDrained = await drain(options.drainMs)
  const drainedIn = Date.now() - drainStarted
  // Wait until the last kill's leases have ended, so that a lease left at the end is a finding.
  await sleep(Math.max(0, drainStarted + LEASE_MS - Date.now()))
  if (!hasDrained) findings.broke('not drained', `within ${options.drainMs / 1000} s`)
  await checkOldDays(workers)
  await midnights.stop()
  clearInterval(watching)
  await followers.check(session)
  await sampler.stop()
  isOver = true
  await annoying
  for (const process of [...workers, ...servers]) {
    const status = await process.end({ forGood: true })
    if (status !== 0) findings.broke('did not end in order', `${process.name}: ${status}`)
  }

  const { replays } = harmer
  const evidence: Evidence = { session, journal, findings, harmLog, integrations, replays }
  const events = await checkLog(evidence)
  const collected: Record<string, number> = { 'skipped by hand': operator.skips() }
  for (const { target } of [...integrations, ...replays]) {
    for (const [what, count] of Object.entries((await target.collect?.(session)) ?? {})) {
      collected[what] = (collected[what] ?? 0) + count
    }
  }
  collected['alerts'] = await checkAlerts(evidence)
  const lost = await checkDeliveries(evidence)
  const strays = await checkStops(evidence)
  const queued = await queues.check()
  checkProjections(
    evidence,
    await rebuildConfigWith(options.program, database.primary.url, directory),
  )
  await checkReplays(evidence)
  await checkReceipts(evidence)
  await checkLeases(evidence)
  checkRecoveries(evidence)
  for (const { target } of [...integrations, ...replays]) {
    await target.check()
    await target.close()
  }
  await queues.close()
  await Promise.all([session.close(), sampling.close()])
  for (const proxy of proxies) proxy.close()
  await names.close()
  await database.stop()
  process.off('exit', stopAtExit)
  if (findings.counts().size === 0) rmSync(directory, { recursive: true, force: true })
  else writeFileSync(path.join(logs, 'harm.log'), harmLog.text())
  return {
    seed,
    seconds,
    events,
    lost,
    strays,
    drainedIn,
    journal,
    findings,
    harmLog,
    sampler,
    collected,
    queued,
    followed: followers.counts,
    ledgers: [...integrations, ...replays].map(({ ledger }) => ledger),
    replays: replays.length,
    midnights: midnights.passed(),
    directory: findings.counts().size === 0 ? undefined : directory,
  }

  async function drain(patienceMs: number): Promise<boolean> {
    // A start wakes every integration of the tenant: the running ones must get there without one.
    const running = async () => (await behind(session, ['running'])) === 0
    if (!(await within(patienceMs, running, POLL_MS))) return false
    await queues.activate()
    const all = async () => {
      for (const each of [...integrations, ...pickyReplays()]) await relieve(services, each)
      const areDrained = await queues.areDrained(session)
      return areDrained && (await behind(session, ['running', 'stopped'])) === 0
    }
    return (await within(patienceMs, all, POLL_MS)) === true
  }

  /** A starting worker drops partitions past the retention: so the last one to start has. */
  async function checkOldDays([worker]: Managed[]): Promise<void> {
    await worker?.end({ forGood: false })
    await within(20_000, () => worker?.isReady() ?? false)
    let left: string[] | undefined
    const gone = async () => {
      left = await oldDays(session)
      return left?.length === 0
    }
    if (!(await within(20_000, gone, POLL_MS))) findings.broke('old day left', String(left))
  }
}

/** Cursors with something left to send, and replays that are not completed. */
async function behind(session: Session, status: string[]): Promise<number | undefined> {
  const rows = await session.ask<{ count: number }>(
    `select count(*)::integer as count
     from cursor
     join integration on integration.id = cursor.consumer and integration.tenant = cursor.tenant
     where status = any($1) and integration.tenant <> $2 and (
       unresolved <> '{}' or stop_position is not null or exists (
         select from event
         where event.tenant = cursor.tenant and event.position > cursor.read_position
       )
     )`,
    [status, SILENT_TENANT],
  )
  return rows?.[0]?.count
}

function kill(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}
