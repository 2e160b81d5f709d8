// Publishers that keep a journal of every answer. An entity belongs to one publisher, which waits
// for each answer. So the order in which an entity's events were published is known. A request
// without an answer is repeated with the same key until it has one. Some are sent twice at once,
// some are duplicates, some must be refused.

import { setTimeout as sleep } from 'node:timers/promises'
import { type Chance, createChance } from '../kit/chance.ts'
import type { Answer } from './client.ts'
import { keyOf, NAMES, nameOfRoll, payloadOf, tenantOf } from './event.ts'
import type { Journal } from './journal.ts'
import { createBulkPublisher } from './publish-bulk.ts'
import { createSqlPublisher } from './publish-sql.ts'
import { type Entities, type Publisher, type PublisherServices, pickEntity } from './publisher.ts'

/** Few over HTTP, of which one is busy; many in SQL, where a batch waits for its slowest entity. */
const OVER_HTTP = { count: 25, busy: 0.4 }
const IN_SQL = { count: 1_000, busy: 0.02 }
const IN_BULK = { count: 200, busy: 0.05 }
const MOST_BACKLOG = 2_000
const REPEAT_MS = [20, 120] as const
const PACE_MS = 10
/** Between two requests of a publisher. */
const THINK_MS = [0, 500] as const

/**
 * Publishes with `count` publishers over HTTP, `inBulk` with bulk bodies and `inSql` in
 * transactions, at `perSecond` events a second, or at full speed, until `isOver`. Resolves when
 * every event begun has its answer.
 */
export async function publishAll(
  services: PublisherServices,
  options: {
    seed: number
    /** Entities below it belong to others. */
    firstEntity: number
    count: number
    inSql: number
    inBulk: number
    perSecond: number
    isOver: () => boolean
  },
): Promise<void> {
  const chance = createChance(options.seed)
  const started = Date.now()
  let begun = 0
  let nextEntity = options.firstEntity
  const mayPublish = () =>
    begun < ((Date.now() - started) / 1000) * options.perSecond && services.backlog() < MOST_BACKLOG

  const several = (count: number, create: typeof createPublisher, share: typeof OVER_HTTP) =>
    Array.from({ length: count }, () => ({ create, share }))
  const kinds = [
    ...several(options.count, createPublisher, OVER_HTTP),
    ...several(options.inSql, createSqlPublisher, IN_SQL),
    ...several(options.inBulk, createBulkPublisher, IN_BULK),
  ]
  const publishers = kinds.map(async ({ create, share }) => {
    const own = createChance(chance.whole(0, 2 ** 31))
    const first = nextEntity
    nextEntity += share.count
    const publisher = create(services, own, { first, ...share })
    while (!options.isOver()) {
      if (!mayPublish()) await sleep(PACE_MS)
      else begun += await publisher.next()
    }
    await publisher.close()
  })
  await Promise.all(publishers)
}

type Request = { path: string; headers: Record<string, string>; body: string }

function createPublisher(
  { client, journal, findings }: PublisherServices,
  chance: Chance,
  entities: Entities,
): Publisher {
  let last: number | undefined

  return {
    async next() {
      await publishOne(chance.whole(0, 99))
      await sleep(chance.whole(...THINK_MS))
      return 1
    },
    close: async () => {},
  }

  async function publishOne(roll: number): Promise<void> {
    if (roll === 0) return refuse()
    if (roll === 1 && last !== undefined) return reuse(last)
    if (roll === 2 && last !== undefined) return repeat(last)
    const serial = journal.begin(pickEntity(chance, entities), nameOfRoll(chance.whole(0, 99)))
    last = serial
    if (roll === 3) await Promise.all([publish(serial, 0), publish(serial, 1)])
    else await publish(serial, chance.whole(0, 1))
  }

  async function publish(serial: number, pick: number): Promise<boolean> {
    const { status, body } = await untilAnswered(requestOf(journal, serial), pick)
    if (status !== 201) {
      findings.broke('refused', `event ${serial}: ${status} ${JSON.stringify(body)}`)
      return false
    }
    journal.answered(serial, Number(body['position']))
    return body['duplicate'] === true
  }

  /** The same event once more is a duplicate, on every server. */
  async function repeat(serial: number): Promise<void> {
    if (await publish(serial, chance.whole(0, 1))) journal.counts.duplicates++
    else findings.broke('duplicate not told', `event ${serial}`)
  }

  /** The same key with another payload is refused. */
  async function reuse(serial: number): Promise<void> {
    const body = `{"serial":${serial},"other":true}`
    const answer = await untilAnswered({ ...requestOf(journal, serial), body }, 0)
    expectRefusal(answer, 'a key that was used')
  }

  /** A request that must be refused; its key begins with x, and is not in the log. */
  async function refuse(): Promise<void> {
    const key = `x${chance.uuid()}`
    const [what, name, headers, body] = chance.pick([
      ['no team', 'order.created', { team: '' }, '{}'],
      ['no object', 'order.created', {}, '[1]'],
      ['no JSON', 'order.created', {}, '{"a":'],
      ['no body', 'order.created', {}, ''],
      ['no name', 'order', {}, '{}'],
      ['unknown correlation', 'order.created', { 'correlation-ids': '{"a":"b"}' }, '{}'],
    ] as const)
    const fixed = headersOf(key, 'order-refused')
    const request = { path: `/events/${name}`, headers: { ...fixed, ...headers }, body }
    const answer = await untilAnswered(request, 0)
    expectRefusal(answer, what)
  }

  function expectRefusal({ status, body }: Answer, what: string): void {
    if (status === 400) journal.counts.refused++
    else findings.broke('not refused', `${what}: ${status} ${JSON.stringify(body)}`)
  }

  async function untilAnswered({ path, headers, body }: Request, pick: number): Promise<Answer> {
    for (let turn = pick; ; turn++) {
      const answer = await client.send(path, { headers, body, pick: turn })
      if (answer && answer.status !== 503 && answer.status !== 500) return answer
      journal.counts.repeated++
      await sleep(chance.whole(...REPEAT_MS))
    }
  }
}

/** The request that publishes an event of the journal. */
export function requestOf(journal: Journal, serial: number): Request {
  const name = NAMES[journal.nameOf(serial)] as string
  const entity = journal.entityOf(serial)
  const headers = { ...headersOf(keyOf(serial), `e${entity}`), tenant: tenantOf(entity) }
  return { path: `/events/${name}`, headers, body: payloadOf(serial) }
}

function headersOf(key: string, entityId: string): Record<string, string> {
  return { team: 'team-torture', service: 'torture', 'entity-id': entityId, 'idempotency-key': key }
}
