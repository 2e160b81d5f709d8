// The configuration under torture: random changes over four connections while the service is killed
// in between. `rebuild config` must find no difference, even during the changes. Then all rows of
// its tables are deleted, and it restores them: delivery goes on where it was.

import type { ShownLine } from '../../src/cli/output.ts'
import { rebuildConfig } from '../../src/cli/rebuild-config.ts'
import { readCall, runCall } from '../../src/cli/sql.ts'
import { createChance } from '../kit/chance.ts'
import { call, publish, register } from '../kit/client.ts'
import { createFindings, type Findings } from '../kit/findings.ts'
import { type Answer, type Received, startReceiver } from '../kit/receiver.ts'
import { type Service, startService } from '../kit/service.ts'
import { until } from '../kit/until.ts'
import { type Key, nextChange, STEADY, TENANTS } from './changes.ts'

type ConfigureOptions = {
  seed: number
  /** Changes that the service accepts; refused ones come on top. */
  changes: number
  kills: number
  database: {
    url: string
    /** As an administrator, for statements that only one may run. */
    query(text: string): Promise<{ rows: Record<string, unknown>[] }>
  }
  say(line: string): void
}

export type Configured = {
  findings: Findings
  /** Requests by their status: "200", "409", "none". */
  statuses: Map<string, number>
  taken: number
  comparisons: number
  events: number
  /** Deleted and restored rows, by table. */
  restored: Map<string, number>
  /**
   * Events that had arrived before that, and arrived again. (Events that come meanwhile may arrive
   * twice: a worker goes on until it finds that its cursor is gone.)
   */
  again: number
}

const CONNECTIONS = 4
/** The tables that `rebuild config` restores. Cursors are not configuration. */
const TABLES = [
  ...['consumer', 'notification_job', 'notification_sender', 'registered_event_type', 'api_key'],
]
const EVENTS_AFTERWARDS = 5
const COMPARE_EVERY = 250

/** Runs it once. */
export async function configure(options: ConfigureOptions): Promise<Configured> {
  const { seed, database, say } = options
  const findings = createFindings()
  const published = new Map<string, Set<number>>(TENANTS.map((tenant) => [tenant, new Set()]))
  const received = new Map<string, Map<number, number>>(TENANTS.map((name) => [name, new Map()]))
  const receiver = await startReceiver(receive)
  const start = () =>
    startService('start', {
      DATABASE_URL: database.url,
      MILLRACE_LEASE_MS: '1000',
      MILLRACE_SWEEP_MS: '200',
      MILLRACE_RETRY_BASE_MS: '50',
      MILLRACE_LOG_LEVEL: 'silent',
    })
  let service: Promise<Service> = start()
  const result: Configured = {
    findings,
    statuses: new Map(),
    taken: 0,
    comparisons: 0,
    events: 0,
    restored: new Map(),
    again: 0,
  }
  try {
    const { url } = await service
    for (const tenant of TENANTS) {
      await register(url, STEADY, targetOf(tenant, STEADY), {}, tenant)
    }
    await changeAll()
    say(`${result.taken} changes were taken; comparing`)
    await compare('at the end')
    await deleteAll()
  } finally {
    await (await service).kill('SIGTERM')
    await receiver.close()
  }
  return result

  function targetOf(tenant: string, id: string): string {
    return `${receiver.url}${tenant}/${id}`
  }

  /**
   * Some targets reject some events: so there are rejected events to delete, and integrations stop.
   */
  function receive(request: Received, response: Parameters<Answer>[1]): void {
    const [, tenant = '', id = ''] = request.url.split('/')
    if (id === STEADY) {
      const counts = received.get(tenant)
      counts?.set(request.position, (counts.get(request.position) ?? 0) + 1)
    }
    const isRejected = /-[01]$/.test(id) && request.position % 3 === 0
    response.writeHead(isRejected ? 400 : 200).end()
  }

  async function changeAll(): Promise<void> {
    const keys: Key[] = []
    let isOver = false
    const connections = Array.from({ length: CONNECTIONS }, async (_, index) => {
      const chance = createChance(seed + index)
      const world = { chance, keys, targetOf }
      while (!isOver && result.taken < options.changes) {
        await change(nextChange(world))
        if (chance.happens(0.3)) await send(chance.pick(TENANTS), chance.uuid())
        if (chance.happens(0.02)) await replayBySql(chance.pick(TENANTS))
      }
    })
    const killing = (async () => {
      for (let kill = 1; kill <= options.kills; kill++) {
        const next = (kill * options.changes) / (options.kills + 1)
        await until(`${next} changes`, () => isOver || result.taken >= next, 600_000)
        await (await service).kill('SIGKILL')
        service = start()
        await compare(`after kill ${kill}`)
      }
    })()
    const comparing = (async () => {
      for (let next = COMPARE_EVERY; next < options.changes; next += COMPARE_EVERY) {
        await until(`${next} changes`, () => isOver || result.taken >= next, 600_000)
        await compare('while changes are made')
      }
    })()
    await Promise.all([...connections, killing, comparing]).finally(() => {
      isOver = true
    })
  }

  async function change(made: ReturnType<typeof nextChange>): Promise<void> {
    const { method, path, body, headers, token, taken } = made
    const { url } = await service
    const reply = await call(url + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(token === undefined ? {} : { token }),
    }).catch(() => undefined)
    const status = String(reply?.status ?? 'none')
    result.statuses.set(status, (result.statuses.get(status) ?? 0) + 1)
    if (!reply || reply.status >= 400) {
      const isExpected = !reply || reply.status < 500 || reply.status === 503
      if (!isExpected) findings.broke('failed', `${method} ${path}: ${JSON.stringify(reply?.body)}`)
      return
    }
    result.taken++
    taken?.(reply.body)
  }

  /** Only an answer counts; without one the outcome is unknown. */
  async function send(tenant: string, key: string): Promise<void> {
    const { url } = await service
    const event = { key, payload: '{}', entityId: key.slice(0, 2), tenant }
    const reply = await publish(url, event).catch(() => undefined)
    if (reply?.status !== 201) return
    published.get(tenant)?.add(reply.body.position)
    result.events++
  }

  async function replayBySql(tenant: string): Promise<void> {
    const range = [`from=${new Date(Date.now() - 2_000).toISOString()}`, 'to=now']
    const args = ['replay/date-range', `tenant=${tenant}`, `integration=${STEADY}`, ...range]
    // Refused if such a replay is under way, or the service's locks are busy.
    await runCall(database.url, readCall(args), () => {}).catch(() => {})
  }

  async function compare(when: string, apply = false): Promise<boolean> {
    const lines: ShownLine[] = []
    const isSame = await rebuildConfig(database.url, { apply }, (_, shown) =>
      lines.push(...shown()),
    )
    result.comparisons++
    if (isSame) return true
    const differing = lines.map(String).filter((line) => line.startsWith('  '))
    for (const line of differing) findings.broke('projection differs', `${when}: ${line.trim()}`)
    return false
  }

  async function deleteAll(): Promise<void> {
    await delivered('before they are deleted')
    await until('that is written down', async () => {
      const { rows } = await database.query(`
        select from cursor
        where consumer = '${STEADY}' and (run > 0 or unresolved <> '{}' or exists (
          select from event
          where event.tenant = cursor.tenant and event.position > cursor.read_position
        ))`)
      return rows.length === 0
    })
    for (const table of TABLES) {
      const { rows } = await database.query(`select count(*)::integer as count from ${table}`)
      result.restored.set(table, Number(rows[0]?.['count']))
    }
    // The triggers refuse it; an administrator can switch them off.
    const tables = [...TABLES, 'cursor'].map((table) => `delete from ${table};`).join('\n')
    await database.query(`set session_replication_role = replica; ${tables}
      set session_replication_role = origin`)
    const before = countsOf()
    const known = new Map(TENANTS.map((tenant) => [tenant, new Set(received.get(tenant)?.keys())]))
    const isMissed = !(await rebuildConfig(database.url, { apply: false }, () => {}))
    if (!isMissed) findings.broke('not missed', 'all rows are gone, and nothing differs')
    // Some while nobody delivers, some while the rows come back.
    for (const tenant of TENANTS) await send(tenant, 'meanwhile')
    const sending = sendAll(EVENTS_AFTERWARDS)
    const isSame = await compare('restored', true)
    await sending
    if (isSame) await delivered('after they have come back')
    await compare('after they have come back')
    result.again = countsOf(known) - before
  }

  async function sendAll(count: number): Promise<void> {
    for (const tenant of TENANTS) {
      for (let n = 0; n < count; n++) await send(tenant, `after-${n}`)
    }
  }

  /** How many requests the steady targets have had, of these events or of all. */
  function countsOf(known?: Map<string, Set<number>>): number {
    let sum = 0
    for (const [tenant, counts] of received) {
      for (const [position, count] of counts) {
        if (!known || known.get(tenant)?.has(position)) sum += count
      }
    }
    return sum
  }

  /** Every event with a 201 has reached the target that takes everything. */
  async function delivered(when: string): Promise<void> {
    const missing = () =>
      TENANTS.flatMap((tenant) =>
        [...(published.get(tenant) ?? [])]
          .filter((position) => !received.get(tenant)?.has(position))
          .map((position) => `${tenant} ${position}`),
      )
    await until(`all have arrived ${when}`, () => missing().length === 0).catch(() => {
      for (const one of missing()) findings.broke('lost', `${when}: ${one}`)
    })
  }
}
