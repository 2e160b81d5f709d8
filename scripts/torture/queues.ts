// Queues and topics under torture: subscriptions of the collector API send the gateway's events to
// a broker in a separate process (broker-process.ts). At the end each queue must hold every event
// that its subscription takes. A FIFO queue must hold each once, in the order of its entity. Kills,
// freezes, cuts and failures on the way change nothing.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Findings } from '../kit/findings.ts'
import { type Remote, startRemote } from '../kit/remote.ts'
import type { Held } from './broker-process.ts'
import type { Client } from './client.ts'
import { type Filter, NAMES, TENANT, takes, tenantOf } from './event.ts'
import type { Journal } from './journal.ts'
import type { Session } from './session.ts'

const SUBSCRIPTIONS = '/api/v1/event-subscription'
const PATIENCE_MS = 30_000
const REPEAT_MS = 100
const TOGGLE_MS = 3_000

type Plan = {
  queue: string
  entityType: string
  /** The equivalent filter of an integration. */
  filter: Filter
  isTopic?: boolean
  /** Its endpoint is the one with moods. */
  isMoody?: boolean
  /** It is deactivated and activated again, over and over. */
  isToggled?: boolean
}

const ORDERS = ['order.opened', 'order.completed', 'order.cancelled']
const PLANS: Plan[] = [
  { queue: 'standard', entityType: 'ORDER', filter: { event_filter: ORDERS } },
  { queue: 'orders.fifo', entityType: 'ORDER', filter: { entity_filter: ['order'] } },
  {
    queue: 'moody.fifo',
    entityType: 'INVENTORY_TRANSACTION',
    filter: { entity_filter: ['inventory_transaction'] },
    isMoody: true,
  },
  {
    queue: 'topic.fifo',
    entityType: 'CUSTOMER',
    filter: { entity_filter: ['customer'] },
    isTopic: true,
    isMoody: true,
    isToggled: true,
  },
]

type QueueServices = { client: Client; journal: Journal; findings: Findings }

type Queues = {
  /** Deactivates and activates until `isOver`. */
  toggle(isOver: () => boolean): Promise<void>
  /** From now on the broker has no faults. */
  heal(): Promise<void>
  /** Activates every subscription again, whatever has deactivated it. */
  activate(): Promise<void>
  /** Whether nothing is left to be sent. */
  areDrained(session: Session): Promise<boolean>
  /** Compares the queues with the published events. Returns how many messages there are. */
  check(): Promise<{ messages: number; repeated: number }>
  close(): Promise<void>
}

/** Starts the broker and subscribes, before anything is published. */
export async function startQueues(services: QueueServices, seed: number): Promise<Queues> {
  const { client, findings } = services
  const broker: Remote = await startRemote('torture/broker-process.ts')
  const endpoints = await broker.call<{ steady: string; moody: string }>('start', seed)
  const destinations = new Map<Plan, object>()
  for (const plan of PLANS) {
    destinations.set(plan, await createDestination(plan))
    await configure('POST', '', subscriptionOf(plan))
  }

  return {
    async toggle(isOver) {
      const toggled = PLANS.filter(({ isToggled }) => isToggled)
      while (!isOver()) {
        for (const plan of toggled) {
          await configure('PUT', `/${plan.queue}/deactivate`)
          await configure('PUT', '', subscriptionOf(plan))
        }
        await sleep(TOGGLE_MS)
      }
    },
    heal: () => broker.call('heal'),
    async activate() {
      for (const plan of PLANS) await configure('PUT', '', subscriptionOf(plan))
    },
    async areDrained(session) {
      const rows = await session.ask<{ count: number }>(
        `select count(*)::integer as count
         from cursor
         where consumer like 'subscription:%' and (
           unresolved <> '{}' or exists (
             select from event
             where event.tenant = cursor.tenant and event.position > cursor.read_position
           )
         )`,
      )
      return rows?.[0]?.count === 0
    },
    async check() {
      let messages = 0
      let repeated = 0
      for (const plan of PLANS) {
        const held = await broker.call<Held>('held', plan.queue)
        messages += held.serials.length
        repeated += checkQueue(plan, held, services)
      }
      return { messages, repeated }
    },
    close: () => broker.stop(),
  }

  async function createDestination({ queue, isTopic, isMoody }: Plan): Promise<object> {
    await broker.call('createQueue', queue)
    const keys = { accessKey: 'torture', accessSecret: 'torture', region: 'us-east-1' }
    const account = { ...keys, endpoint: isMoody ? endpoints.moody : endpoints.steady }
    if (!isTopic) {
      const queueUrl = `${endpoints.steady}/000000000000/${queue}`
      return { type: 'SQS', sqs: { ...account, queueUrl } }
    }
    return { type: 'SNS', sns: { ...account, topicArn: await broker.call('createTopic', queue) } }
  }

  function subscriptionOf(plan: Plan): object {
    const { queue: id, entityType, filter } = plan
    const takesCreate = filter.entity_filter !== undefined
    return {
      id,
      active: true,
      entityType,
      destination: destinations.get(plan),
      subscribeCreate: takesCreate,
      subscribeChange: true,
      subscribeDelete: takesCreate,
    }
  }

  /** Repeated until it has an answer that counts. */
  async function configure(method: string, path: string, body?: object): Promise<void> {
    for (let turn = 0; ; turn++) {
      const answer = await client.send(SUBSCRIPTIONS + path, {
        method,
        timeoutMs: PATIENCE_MS,
        pick: turn,
        headers: { 'x-twc-tenant': TENANT },
        ...(body ? { body: JSON.stringify(body) } : {}),
      })
      if (answer && answer.status < 300) return
      // 400: the first try was carried out, and its answer lost.
      if (answer && answer.status < 500 && !(turn > 0 && method === 'POST')) {
        findings.broke('not subscribed', `${method} ${path}: ${JSON.stringify(answer)}`)
        return
      }
      if (answer && answer.status < 500) return
      await sleep(REPEAT_MS)
    }
  }
}

/** Reports the faults of a queue as findings. Returns how many messages it holds more than once. */
export function checkQueue(
  { queue, filter }: Pick<Plan, 'queue' | 'filter'>,
  { serials, positions, groups, altered }: Held,
  { journal, findings }: Pick<QueueServices, 'journal' | 'findings'>,
): number {
  const isFifo = queue.endsWith('.fifo')
  const found = new Map<number, number>()
  const newest = new Map<string, number>()
  for (const body of altered) findings.broke('altered', `${queue} holds ${body.slice(0, 200)}`)
  serials.forEach((serial, i) => {
    const [position, group] = [positions[i] as number, groups[i] as string]
    if (serial < 0 || serial >= journal.size) {
      findings.broke('delivered but never published', `${queue} holds position ${position}`)
      return
    }
    const name = NAMES[journal.nameOf(serial)] as string
    if (!takes(filter, name)) {
      findings.broke('sent past the filter', `${queue} holds ${name} (event ${serial})`)
    }
    if (tenantOf(journal.entityOf(serial)) !== TENANT) {
      findings.broke("another tenant's", `${queue} holds event ${serial}`)
    }
    journal.seenAt(serial, position)
    found.set(serial, (found.get(serial) ?? 0) + 1)
    if (isFifo && position < (newest.get(group) ?? 0)) {
      findings.broke('reordered', `${queue} holds event ${serial} of ${group} behind a newer one`)
    }
    newest.set(group, Math.max(position, newest.get(group) ?? 0))
  })
  for (let serial = 0; serial < journal.size; serial++) {
    const isMeant =
      journal.isStored(serial) &&
      tenantOf(journal.entityOf(serial)) === TENANT &&
      takes(filter, NAMES[journal.nameOf(serial)] as string)
    if (isMeant && !found.has(serial)) {
      findings.broke('lost', `${queue} never got event ${serial} at ${journal.positionOf(serial)}`)
    }
  }
  const repeated = [...found].filter(([, times]) => times > 1)
  if (isFifo) {
    for (const [serial, times] of repeated) {
      findings.broke('twice in a FIFO queue', `${queue} holds event ${serial} ${times} times`)
    }
  }
  return repeated.length
}
