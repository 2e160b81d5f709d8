// Carries out the schedule of harm. Nothing here asks whether the service can bear it.

import { setTimeout as sleep } from 'node:timers/promises'
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
import type { Managed } from './processes.ts'
import type { Wire } from './proxy.ts'
import type { Harm, HarmKind } from './schedule.ts'
import { createSession, type DatabaseServer, type Session } from './server.ts'

const STOPS_IN_A_ROW = 3

export type Victims = {
  database: DatabaseServer
  session: Session
  servers: Managed[]
  workers: Managed[]
  /** Those of servers, then those of workers. */
  proxies: Wire[]
  integrations: Integration[]
  kinds: Destination[]
  services: IntegrationServices
  harmLog: HarmLog
}

export type Harmer = {
  /** Does harm until the schedule is at its end or `end` is called; resolves when all is over. */
  run(schedule: Harm[]): Promise<void>
  /** Ends what lasts. */
  end(): void
  replays: Replay[]
}

export function createHarmer(victims: Victims): Harmer {
  const { database, session, servers, workers, proxies, integrations, harmLog } = victims
  const over = new AbortController()
  /** What is being harmed and must not be harmed in the same way at the same time. */
  const busy = new Set<unknown>()
  const replays: Replay[] = []
  let counter = 0

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
        await database.start()
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
      one(harm, ['terminate'], () =>
        session.ask(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where application_name like 'millrace%' and pid % 2 = $1`,
          [harm.pick % 2],
        ),
      ),
    'make deaf': (harm) =>
      one(harm, [proxies], async () => {
        for (const proxy of proxies) proxy.deafen()
        await lasting(harm.lastsMs)
        for (const proxy of proxies) proxy.hear()
      }),
    'old snapshot': (harm) =>
      one(harm, ['snapshot'], async () => {
        const own = createSession(database.url)
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
        replays.push(await startReplay(kind, victims.services, { id, fromMs, untilMs }))
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

  /** Harms one of those that are not being harmed like this already; the pick decides which. */
  function one<T>(
    harm: Harm,
    among: T[],
    work: (victim: T) => Promise<unknown>,
  ): Promise<void> | undefined {
    const free = among.filter((victim) => !busy.has(victim))
    if (free.length === 0) return undefined
    const victim = choose(free, harm.pick)
    busy.add(victim)
    const ended = harmLog.began(harm.kind)
    return work(victim).then(() => {
      ended()
      busy.delete(victim)
    })
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
    // Only the first kind of what may stop may be updated: the others keep their filter.
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
