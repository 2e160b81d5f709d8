// An integration in trouble: the service says since when, why, and which event it is. That event is
// skipped, and sent again after the repair.

import { until } from '../kit/until.ts'
import { claim, type Published } from './check.ts'
import type { RetailEvent } from './event.ts'
import { caughtUp, claimWhole, publishAll, type Stage, type Target, takes } from './stage.ts'

const COLUMNS = 90

/** Waits for an alert about the integration, and prints it. */
export async function sayAlert({ onCall, say }: Stage, { id }: Target, alert: string) {
  const arrival = await until(`on-call hears of ${alert}`, () =>
    onCall.receiver.taken.find(
      ({ name, body }) => name === alert && JSON.parse(body).payload.id === id,
    ),
  )
  const { reason } = JSON.parse(arrival.body).payload
  say(`   on-call hears after ${Math.round(arrival.lateMs)} ms: ${alert} of ${id}`)
  for (const line of wrapped(reason)) say(`     ${line}`)
}

/** Prints what a `GET` of the integration says of its health; claims its state. */
async function sayHealth({ client, say }: Stage, { id }: Target, state: string) {
  const health = await client.health(id)
  claim(health.state === state, `${id} is ${health.state}: ${health.message}`)
  say(`   GET …/${id} says: ${health.state}`)
  for (const line of wrapped(health.message)) say(`     ${line}`)
  return health
}

/** One event is answered with 500. It is skipped, and delivered once the warehouse is repaired. */
export async function breakOnOne(stage: Stage, events: RetailEvent[]): Promise<void> {
  const { client, warehouse, published, say } = stage
  const { receiver } = warehouse
  // No other event of its entity follows, which it would be behind in the end.
  const first = events.findIndex((event, index) => {
    const later = events.slice(index + 1)
    return takes(warehouse, event) && !later.some(({ entityId }) => entityId === event.entityId)
  })
  const before = receiver.refused.length
  receiver.breaksOn = JSON.stringify(events[first]?.payload)
  await publishAll(stage, events.slice(0, first + 1))
  const { position } = published.at(-1) as Published
  await until('the warehouse is sent its event again', () => receiver.refused.length > before + 1)
  const health = await sayHealth(stage, warehouse, 'failing')
  claim(health.position === position, `Not ${position} is named, but ${health.position}.`)
  await publishAll(stage, events.slice(first + 1))

  const reason = 'The warehouse has no such rack.'
  await client.skipEvent(warehouse.id, { position, reason })
  await caughtUp(
    { ...stage, published: published.filter((one) => one.position !== position) },
    warehouse,
  )
  say(`   POST …/${warehouse.id}/_skip {"position": ${position}, …}: the others have arrived.`)

  receiver.breaksOn = undefined
  receiver.showNext(1)
  const delivered = await client.retryRejected(warehouse.id)
  claim(delivered === 1, `${delivered} rejected events were delivered, not 1.`)
  say(`   It is repaired. POST …/${warehouse.id}/rejected_events/_retry: delivered ${delivered}.`)
  await caughtUp(stage, stage.erp, stage.finance, warehouse)
  claimWhole(stage, warehouse)
  await sayHealth(stage, warehouse, 'ok')
}

function wrapped(text: string): string[] {
  const lines = text.match(new RegExp(`.{1,${COLUMNS}}(?: |$)|\\S+`, 'g')) ?? []
  return lines.map((line) => line.trimEnd())
}
