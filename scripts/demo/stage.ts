// The state that the steps of the tour share: the integrations with their receivers, the published
// events, and each integration's expected share.

import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../kit/until.ts'
import { claim, faultOf, type Published } from './check.ts'
import type { Client } from './client.ts'
import type { RetailEvent } from './event.ts'
import { type Receiver, startReceiver } from './receiver.ts'

/** The shop's pace, 40 events a second, so that one can watch. No claim depends on it. */
const PACE_MS = 25

/** An integration and its receiver. */
export type Target = {
  id: string
  /** Empty: everything. */
  entities: string[]
  receiver: Receiver
}

export type Stage = {
  client: Client
  say: (line: string) => void
  published: Published[]
  erp: Target
  finance: Target
  warehouse: Target
  /** Receives the alerts, and nothing else. */
  onCall: Target
}

/** Starts a receiver and registers an integration for it, which runs at once. */
export async function register(
  { client, say }: Pick<Stage, 'client' | 'say'>,
  { id, entities, startsAt }: { id: string; entities: string[]; startsAt?: string },
): Promise<Target> {
  const apiKey = `key-of-${id}`
  const print = (line: string) => say(`   ${id.padEnd(9)} ${line}`)
  const receiver = await startReceiver({ apiKey, print })
  await client.register({
    id,
    integration_type: 'permanent',
    ...(startsAt ? { starts_at: startsAt } : {}),
    ...(entities.length > 0 ? { filter_conditions: { entity_filter: entities } } : {}),
    callback_parameters: { callback_url: receiver.url, api_key: apiKey },
  })
  const from = startsAt ? `, from ${startsAt} on` : ''
  print(`receives ${entities.join(', ') || 'everything'}${from}`)
  return { id, entities, receiver }
}

/** Publishes one after the other: the order of the log is the order of the day. */
export async function publishAll(
  { client, published }: Stage,
  events: RetailEvent[],
): Promise<void> {
  let due = performance.now()
  for (const event of events) {
    due += PACE_MS
    const text = JSON.stringify(event.payload)
    const { status, position, duplicate } = await client.publish(event, text)
    claim(status === 201, `Publishing ${event.name} was answered ${status}.`)
    claim(!duplicate, `${event.name} was taken for a duplicate, and is none.`)
    published.push({ ...event, position, text })
    await sleep(Math.max(0, due - performance.now()))
  }
}

/** Waits until each target has all its events. */
export async function caughtUp(stage: Stage, ...targets: Target[]): Promise<void> {
  for (const target of targets) {
    const expected = expectedOf(stage, target)
    const has = () => expected.every(({ position }) => target.receiver.positions.has(position))
    await until(`${target.id} has received all of its ${expected.length} events`, has)
  }
}

/** Throws if the target's events are not exactly the expected ones. */
export function claimWhole(stage: Stage, target: Target): void {
  const fault = faultOf(target.id, expectedOf(stage, target), target.receiver.taken)
  claim(fault === undefined, fault ?? '')
}

/** The published events for the target. */
export function expectedOf({ published }: Stage, target: Target): Published[] {
  return published.filter((event) => takes(target, event))
}

/** Whether the target's filter takes the event. */
export function takes({ entities }: Target, { name }: RetailEvent): boolean {
  return entities.length === 0 || entities.includes(name.split('.')[0] as string)
}

/** "erp 100, finance 19, warehouse 25" */
export function counts({ erp, finance, warehouse }: Stage): string {
  const targets = [erp, finance, warehouse]
  return targets.map(({ id, receiver }) => `${id} ${receiver.positions.size}`).join(', ')
}
