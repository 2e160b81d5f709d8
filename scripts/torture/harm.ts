// Carries out the schedule of harm, whether the service can bear it or not.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Pair, ServerAccess } from '../kit/pair.ts'
import { replayBeside } from './beside.ts'
import { cancelStatements } from './cancel.ts'
import { STEPS_MS, stepClock } from './clock.ts'
import type { Destination } from './destination.ts'
import type { HarmLog } from './harm-log.ts'
import {
  hasRoom,
  type Integration,
  type IntegrationServices,
  type Replay,
  startReplay,
  stopAndStart,
} from './integrations.ts'
import { makeOldDay } from './partitions.ts'
import { probePublishing } from './probe.ts'
import type { Managed } from './processes.ts'
import type { Wire } from './proxy.ts'
import type { Harm, HarmKind } from './schedule.ts'
import { createSession, type Session } from './session.ts'

const STOPS_IN_A_ROW = 3
const STANDBY = 'standby'
/** A standby outlives the spell in which it poses as the primary. */
const LASTING_MS = 5_000
/** How long the standby receives nothing before the primary crashes. */
const BEHIND_MS = 300
/** How long commits wait for the standby before the primary crashes. */
const SYNCHRONOUS_MS = 1_500

type Victims = {
  database: Pair
  session: Session
  servers: Managed[]
  workers: Managed[]
  /** First those of servers, then those of workers. */
  proxies: Wire[]
  integrations: Integration[]
  kinds: Destination[]
  services: IntegrationServices
  harmLog: HarmLog
}

type Harmer = {
  /** Does harm until the schedule is over or `end` is called; resolves when all harm is over. */
  run(schedule: Harm[]): Promise<void>
  /** Ends lasting harm. */
  end(): void
  replays: Replay[]
}

export function createHarmer(victims: Victims): Harmer {
  const { database, session, servers, workers, proxies, integrations, harmLog } = victims
  const over = new AbortController()
  /** The victims of current harm, which must not be harmed in the same way again. */
  const busy = new Set<unknown>()
  const replays: Replay[] = []
  let counter = 0
  let probing = Promise.resolve()

  const lasting = (ms: number) =>
    sleep(ms, undefined, { signal: over.signal }).catch(() => undefined)

  const ways: Record<HarmKind, (harm: Harm) => Promise<unknown> | undefined> = {
    'kill work': (harm) => one(harm, workers, async (worker) => worker.kill()),
    'kill serve': (harm) => one(harm, servers, async (server) => server.kill()),
    'kill both workers': (harm) =>
      one(harm, [workers], async (both) => {
        for (const worker of both) worker.kill()
      }),
    'freeze work': (harm) => one(harm, workers, (worker) => freeze(worker, harm.lastsMs)),
    'freeze serve': (harm) => one(harm, servers, (server) => freeze(server, harm.lastsMs)),
    'freeze a backend': (harm) => one(harm, ['backend'], () => freezeBackend(harm)),
    'crash the database': (harm) =>
      one(harm, [database], async () => {
        await database.crash()
        await lasting(harm.lastsMs)
        await database.restart()
      }),
    'cut connections': (harm) =>
      one(harm, [proxies], async () => {
        // All of them, or those of one process.
        const chosen = harm.pick % 2 === 0 ? proxies : [choose(proxies, harm.pick)]
        for (const proxy of chosen) proxy.cut()
      }),
    'stall connections': (harm) =>
      one(harm, proxies, async (proxy) => {
        proxy.stall()
        await lasting(harm.lastsMs)
        proxy.resume()
      }),
    'terminate backends': (harm) =>
      one(harm, [database], () =>
        session.ask(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where application_name like 'millrace%' and pid % 2 = $1`,
          [harm.pick % 2],
        ),
      ),
    'cancel statements': (harm) =>
      one(harm, [database], () => {
        const locking = createSession(() => database.primary.url)
        return cancelStatements({ session, locking, lasting, lastsMs: harm.lastsMs })
      }),
    'read-only spell': (harm) =>
      one(harm, besideStandby(), () => spendReadOnly(harm.lastsMs), {
        async before() {
          busy.add(STANDBY)
          await database.addStandby()
        },
        async after() {
          await Promise.all([probe(harm.kind), lasting(LASTING_MS)])
          await database.dropStandby()
          busy.delete(STANDBY)
        },
      }),
    failover: (harm) =>
      one(harm, besideStandby(), () => failOver(harm.lastsMs), {
        async before() {
          await database.addStandby()
          await database.setSynchronous(true)
          await lasting(SYNCHRONOUS_MS)
        },
        after: () => probe(harm.kind),
      }),
    'step the clock': (harm) =>
      one(
        harm,
        [database],
        async () => {
          await stepClock(session, choose(STEPS_MS, harm.pick))
          await lasting(harm.lastsMs)
          await stepClock(session, 0)
        },
        { after: () => probe(harm.kind) },
      ),
    'make deaf': (harm) =>
      one(harm, [proxies], async () => {
        for (const proxy of proxies) proxy.deafen()
        await lasting(harm.lastsMs)
        for (const proxy of proxies) proxy.hear()
      }),
    'old snapshot': (harm) =>
      one(harm, ['snapshot'], async () => {
        const own = createSession(() => database.primary.url)
        await own.ask('begin isolation level repeatable read')
        await own.ask('select count(*) from cursor')
        await lasting(harm.lastsMs)
        await own.close()
      }),
    'old day': (harm) => one(harm, ['day'], () => makeOldDay(session, counter++)),
    'restart work': (harm) => one(harm, workers, (worker) => worker.end({ forGood: false })),
    'stop and start': (harm) => toggle(harm, { isUpdate: false }),
    'stop, update and start': (harm) => toggle(harm, { isUpdate: true }),
    replay: (harm) =>
      one(harm, victims.kinds, async (kind) => {
        if (!(await hasRoom(victims.services))) return
        const fromMs = Date.now() - 1_000 - harm.lastsMs
        // Ends in the past, or ahead.
        const untilMs = Date.now() + (harm.pick % 2_000) - 1_000
        const id = `${kind.name}-replay-${replays.length}`
        const character = kind.name === 'webhook' && harm.pick % 2 === 0 ? 'picky' : 'steady'
        const replay = { id, character, fromMs, untilMs } as const
        replays.push(await startReplay(kind, victims.services, replay))
      }),
    'replay beside': (harm) =>
      one(harm, victims.kinds.slice(0, 1), async (kind) => {
        if (!(await hasRoom(victims.services))) return
        const { pick, lastsMs } = harm
        const cancelAfterMs = pick % 2 === 0 ? lastsMs : undefined
        const options = { id: `beside-${counter++}`, fromMs: Date.now() - 3 * lastsMs }
        const replay = { ...options, cancelAfterMs }
        await replayBeside(kind, victims.services, replay, (begun) => void replays.push(begun))
      }),
  }

  return {
    replays,
    async run(schedule) {
      const started = Date.now()
      const underWay: Promise<unknown>[] = []
      for (const harm of schedule) {
        await lasting(Math.max(0, started + harm.at - Date.now()))
        if (over.signal.aborted) break
        const work = ways[harm.kind](harm)
        if (work) underWay.push(work)
      }
      await Promise.all(underWay)
    },
    end: () => over.abort(),
  }

  /** One after the other, since they share entities. */
  function probe(kind: HarmKind): Promise<void> {
    probing = probing.then(() => probePublishing(kind, victims.services))
    return probing
  }

  /** The database, unless another harm has created a standby. */
  function besideStandby(): Pair[] {
    return busy.has(STANDBY) ? [] : [database]
  }

  /** Harms one of those that are not under this harm already; the pick decides which. */
  function one<T>(
    harm: Harm,
    among: T[],
    work: (victim: T) => Promise<unknown>,
    // The victim is free again before `after`.
    { before, after }: { before?(): Promise<unknown>; after?(): Promise<unknown> } = {},
  ): Promise<void> | undefined {
    const free = among.filter((victim) => !busy.has(victim))
    if (free.length === 0) return undefined
    const victim = choose(free, harm.pick)
    busy.add(victim)
    return (async () => {
      await before?.()
      const ended = harmLog.began(harm.kind)
      await work(victim)
      ended()
      busy.delete(victim)
      await after?.()
    })()
  }

  /** Any statement of millrace, and of graphile-worker, at any moment. */
  /**
   * For a while all sessions go to a standby, which answers 25006. Connections opened then stay
   * open afterwards: a pool that keeps one is read-only for as long as the standby lives.
   */
  async function spendReadOnly(lastsMs: number): Promise<void> {
    const { socket } = database.standby as ServerAccess
    for (const proxy of proxies) {
      proxy.turnTo(socket)
      proxy.cut()
    }
    await lasting(lastsMs)
    for (const proxy of proxies) proxy.turnTo(database.primary.socket)
  }

  /** The primary crashes, the host name moves to the standby, and then it is promoted. */
  async function failOver(lastsMs: number): Promise<void> {
    const { socket, url } = database.standby as ServerAccess
    // It receives nothing any more: commits acknowledged without waiting for it are lost.
    const standby = createSession(() => url)
    await standby.ask(`alter system set primary_conninfo = ''`)
    await standby.ask('select pg_reload_conf()')
    await standby.close()
    await lasting(BEHIND_MS)
    await database.crash()
    for (const proxy of proxies) proxy.turnTo(socket)
    await lasting(lastsMs)
    await database.promote()
  }

  async function freeze(victim: Managed, lastsMs: number): Promise<void> {
    victim.freeze()
    await lasting(lastsMs)
    victim.thaw()
  }

  async function freezeBackend(harm: Harm): Promise<void> {
    const rows = await session.ask<{ pid: number }>(
      `select pid from pg_stat_activity where application_name like 'millrace%' order by pid`,
    )
    const pid = rows && rows.length > 0 ? choose(rows, harm.pick).pid : undefined
    if (pid === undefined) return
    signal(pid, 'SIGSTOP')
    await lasting(harm.lastsMs)
    signal(pid, 'SIGCONT')
  }

  function toggle(harm: Harm, { isUpdate }: { isUpdate: boolean }): Promise<void> | undefined {
    // Of the kinds that may stop, only the first may be updated: the others keep their filter.
    const among = integrations.filter(
      ({ mayStop, character }) => mayStop && (!isUpdate || character === 'steady'),
    )
    return one(harm, among, async (integration) => {
      for (let times = 0; times < (isUpdate ? 1 : STOPS_IN_A_ROW); times++) {
        if (times > 0) await lasting(harm.lastsMs)
        await stopAndStart(victims.services, integration, { pauseMs: harm.lastsMs, isUpdate })
      }
    })
  }
}

function choose<T>(among: T[], pick: number): T {
  return among[pick % among.length] as T
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended meanwhile.
  }
}
