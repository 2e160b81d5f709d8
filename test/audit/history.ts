// A random history of a tenant, made by the real service: targets that are registered, changed,
// stopped, started, replayed and removed while events are published, and that answer by plan. What
// they really took is noted here: it is the truth that the audits are held to.

import { type Chance, createChance } from '../../scripts/kit/chance.ts'
import { call, EVENTSTREAM, publish } from '../../scripts/kit/client.ts'
import {
  aCollectedEvent,
  aSubscription,
  collect,
  SUBSCRIPTIONS,
} from '../../scripts/kit/collector.ts'
import type { Receiver } from '../../scripts/kit/receiver.ts'
import { type Broker, keys } from '../helpers/broker.ts'

const NAMES = [
  ...['order.created', 'order.opened', 'order.completed', 'invoice.created', 'customer.updated'],
  ...['customer.created', 'return.processed', 'club1a.updated'],
]
const WEBHOOKS = ['erp', 'crm', 'bi']
const QUEUES = ['q1', 'q2']
/** Entity types, and the entities that they are in the log. */
export const ENTITY_OF: Record<string, string> = {
  CUSTOMER: 'customer',
  ORDER: 'order',
  CLUB1A: 'club1_a',
}
const ENTITY_TYPES = Object.keys(ENTITY_OF)
const ENTITIES = 6

type Mood = 'well' | 'failing' | 'refusing'

/**
 * When targets answered, as positions, by "consumer position". (Of a queue: the event's, which a
 * subscription never gets that was made after it.)
 */
export type Truth = {
  /** Taken by a stream. */
  taken: Map<string, number[]>
  /** Taken when it was sent again by hand. */
  takenByHand: Map<string, number[]>
  rejected: Map<string, number[]>
  /** Taken when somebody asked for it once more, whatever the stream did. */
  resent: Map<string, number[]>
  skipped: Map<string, number[]>
}

export type History = {
  truth: Truth
  /** Does something at random, and says what. */
  step(): Promise<string>
  /** Every id that there ever was, and one that never was, as the audits name them. */
  ids: string[]
}

/** `url`: of the service. The receiver answers by the plan from now on. */
export function createHistory(
  seed: number,
  { url, receiver, broker }: { url: string; receiver: Receiver; broker: Broker },
): History {
  const chance = createChance(seed)
  const truth: Truth = {
    taken: new Map(),
    takenByHand: new Map(),
    rejected: new Map(),
    resent: new Map(),
    skipped: new Map(),
  }
  const moods = new Map<string, Mood>()
  /** Events that are never taken, until they are sent again by hand. */
  const isBad = (id: string, position: number) => hashOf(`${seed} ${id} ${position}`) % 12 === 0
  /** The id that takes everything meanwhile, and where that is noted. */
  let byHand: { id: string; as: Map<string, number[]> } | undefined
  const positions: number[] = []
  let published = 0
  let replays = 0

  receiver.answer = (request, response) => {
    const id = request.url.slice(1)
    const key = `${id} ${request.position}`
    const mood = moods.get(id) ?? 'well'
    if (byHand?.id === id) {
      note(byHand.as, key)
      response.end()
    } else if (mood === 'refusing') response.writeHead(403).end('No entry')
    else if (isBad(id, request.position)) {
      note(truth.rejected, key)
      response.writeHead(400).end('No such shop')
    } else if (mood === 'failing' && hashOf(key) % 3 === 0) response.writeHead(500).end('Oops')
    else {
      note(truth.taken, key)
      response.end()
    }
  }

  const ask = (method: string, path: string, body?: unknown) =>
    call(url + path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  const webhook = (id: string) => ({ callback_url: `${receiver.url}${id}` })

  const actions: Record<string, () => Promise<unknown>> = {
    async publish() {
      for (let i = chance.whole(1, 12); i > 0; i--) await publishOne()
    },
    register: () => {
      const id = chance.pick(WEBHOOKS)
      return ask('POST', EVENTSTREAM, {
        id,
        integration_type: 'permanent',
        callback_parameters: webhook(id),
        ...filterOf(chance),
        ...(chance.happens(0.2) ? { starts_at: new Date(Date.now() - 2_000).toISOString() } : {}),
        delivery: { max_in_flight: chance.pick([1, 4]) },
      })
    },
    stop: () => ask('POST', `${EVENTSTREAM}/${chance.pick(WEBHOOKS)}/_stop`),
    start: () => ask('POST', `${EVENTSTREAM}/${chance.pick(WEBHOOKS)}/_start`),
    async update() {
      const id = chance.pick(WEBHOOKS)
      await ask('POST', `${EVENTSTREAM}/${id}/_stop`)
      await ask('PATCH', `${EVENTSTREAM}/${id}`, {
        callback_parameters: webhook(id),
        filter_conditions: aFilter(chance),
      })
      if (chance.happens(0.8)) await ask('POST', `${EVENTSTREAM}/${id}/_start`)
    },
    remove: () => ask('DELETE', `${EVENTSTREAM}/${chance.pick([...WEBHOOKS, ...replayIds()])}`),
    replay: () => {
      // Ids of replays come again, too.
      const id = `replay-${replays++ % 3}`
      return ask('POST', EVENTSTREAM, {
        id,
        integration_type: 'temporary',
        callback_parameters: webhook(id),
        starts_at: new Date(Date.now() - chance.whole(500, 5_000)).toISOString(),
        ends_at: new Date(Date.now() + chance.whole(-400, 2_000)).toISOString(),
        ...filterOf(chance),
      })
    },
    cancel: () => {
      const path = `${EVENTSTREAM}/${chance.pick(WEBHOOKS)}/replays/${chance.whole(1, 6)}`
      return ask('DELETE', path)
    },
    async mood() {
      const id = chance.pick([...WEBHOOKS, ...replayIds()])
      moods.set(id, chance.pick(['well', 'failing', 'failing', 'refusing']))
    },
    async heal() {
      for (const id of moods.keys()) if (chance.happens(0.6)) moods.set(id, 'well')
    },
    async retry() {
      const id = chance.pick([...WEBHOOKS, ...replayIds()])
      await ask('POST', `${EVENTSTREAM}/${id}/_stop`)
      byHand = { id, as: truth.takenByHand }
      await ask('POST', `${EVENTSTREAM}/${id}/rejected_events/_retry`)
      byHand = undefined
      await ask('POST', `${EVENTSTREAM}/${id}/_start`)
    },
    beside: () => {
      const from = new Date(Date.now() - chance.whole(500, 5_000)).toISOString()
      const body = { from, to: new Date().toISOString(), ...filterOf(chance) }
      return ask('POST', `${EVENTSTREAM}/${chance.pick(WEBHOOKS)}/replays`, body)
    },
    async resend() {
      const id = chance.pick(WEBHOOKS)
      if (positions.length === 0) return
      await ask('POST', `${EVENTSTREAM}/${id}/_stop`)
      byHand = { id, as: truth.resent }
      const body = { position: chance.pick(positions), reason: 'It is said to be lost.' }
      await ask('POST', `${EVENTSTREAM}/${id}/_resend`, body)
      byHand = undefined
      await ask('POST', `${EVENTSTREAM}/${id}/_start`)
    },
    async skip() {
      const id = chance.pick(WEBHOOKS)
      const { body } = await ask('GET', `${EVENTSTREAM}/${id}`)
      const { position } = (body['health'] ?? {}) as { position?: number | null }
      if (!position) return
      const reason = 'It can never be taken.'
      const reply = await ask('POST', `${EVENTSTREAM}/${id}/_skip`, { position, reason })
      if (reply.status === 200) note(truth.skipped, `${id} ${position}`)
    },
    forget: () => ask('DELETE', `${EVENTSTREAM}/${chance.pick(WEBHOOKS)}/rejected_events`),
    subscribe: () => ask('POST', SUBSCRIPTIONS, subscription(chance.pick(QUEUES))),
    resubscribe: () => ask('PUT', SUBSCRIPTIONS, subscription(chance.pick(QUEUES))),
    deactivate: () => ask('PUT', `${SUBSCRIPTIONS}/${chance.pick(QUEUES)}/deactivate`),
    unsubscribe: () => ask('DELETE', `${SUBSCRIPTIONS}/${chance.pick(QUEUES)}`),
  }
  const names = Object.keys(actions)
  const likely = [
    ...names,
    ...Array(12).fill('publish'),
    'skip',
    'skip',
    'register',
    'register',
    'start',
    'start',
  ]

  return {
    truth,
    async step() {
      const name = chance.pick(likely) as keyof typeof actions
      await actions[name]?.()
      return name
    },
    ids: [...WEBHOOKS, ...replayIds(), ...QUEUES.map((id) => `subscription:${id}`), 'nobody'],
  }

  async function publishOne(): Promise<void> {
    const key = `key-${published++}`
    const entityId = `entity-${chance.whole(1, ENTITIES)}`
    if (chance.happens(0.15)) {
      const entity_name = chance.pick(ENTITY_TYPES)
      const event = aCollectedEvent({ entity_id: entityId, entity_name, id: key })
      const operation = chance.pick(['CREATE', 'UPDATE', 'DELETE'])
      await collect(url, { ...event, event_payload: { ...event.event_payload, operation } })
    } else {
      const name = chance.pick(NAMES)
      const reply = await publish(url, { name, key, entityId, payload: '{"a":1}' })
      if (reply.status !== 201) throw new Error(JSON.stringify(reply))
      positions.push(reply.body.position)
    }
  }

  function subscription(id: string) {
    const account = { accessKey: keys.accessKeyId, accessSecret: keys.secretAccessKey }
    const queueUrl = `${broker.url}/000000000000/${id}`
    return aSubscription({
      id,
      active: chance.happens(0.8),
      entityType: chance.pick(ENTITY_TYPES),
      destination: { type: 'SQS', sqs: { ...account, region: 'us-east-1', queueUrl } },
      subscribeCreate: chance.happens(0.7),
      subscribeChange: chance.happens(0.7),
      subscribeDelete: chance.happens(0.7),
    })
  }
}

function note(answers: Map<string, number[]>, key: string): void {
  answers.set(key, [...(answers.get(key) ?? []), Date.now() * 1000])
}

export const QUEUE_IDS = QUEUES

const replayIds = () => ['replay-0', 'replay-1', 'replay-2']

function filterOf(chance: Chance) {
  return chance.happens(0.3) ? {} : { filter_conditions: aFilter(chance) }
}

function aFilter(chance: Chance) {
  const event_filter = chance.sample(NAMES, chance.whole(1, 3))
  const entity_filter = chance.sample(['order', 'customer', 'invoice'], chance.whole(0, 2))
  return { event_filter, entity_filter }
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (const character of text) {
    hash = Math.imul(hash ^ (character.codePointAt(0) as number), 0x01000193) >>> 0
  }
  return hash
}
