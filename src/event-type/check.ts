// Checks events against the schemas of their types before they are appended, whatever way they come
// in by. A tenant without schemas pays for one look into a map.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Db } from '../db/pool.ts'
import { type Fault, fault, MillraceError } from '../errors.ts'
import type { BulkPublisher, Publisher } from '../log/batch.ts'
import type { Appended, NewEvent, Published } from '../log/event.ts'
import { findByKey } from '../log/find-by-key.ts'
import type { TypeCache } from './cache.ts'
import type { RegisteredType } from './store.ts'

/** How long the checks of a part of a bulk body may hold up others. */
const LONGEST_MS = 10

type Options = {
  types: TypeCache
  /** The event that has this one's idempotency key, as an outcome of appending this one. */
  findKnown(event: NewEvent): Promise<Appended | undefined>
}

/** A publisher of events that follow their schemas. */
export type CheckedPublisher = Publisher & {
  /** As BulkPublisher has it; an event that is refused for its schema fails alone. */
  publishTogether(events: NewEvent[]): Promise<(Published | MillraceError)[]>
  mostTogether: BulkPublisher['mostTogether']
}

/** To be appended, with warnings; or the outcome, without an append. */
type Checked = { warnings: Fault[] } | { outcome: Appended | MillraceError }

/**
 * A publisher that refuses an event which breaks its schema with `schema_violation`, or appends it
 * with warnings, as its type says. An event that was appended before stays a duplicate.
 */
export function createCheckedPublisher(
  publisher: BulkPublisher,
  { types, findKnown }: Options,
): CheckedPublisher {
  return {
    mostTogether: publisher.mostTogether,
    publish(event) {
      const type = types.find(event.tenant, event.name)
      return type === undefined ? publisher.publish(event) : publishOne(type, event)
    },
    publishTogether(events) {
      const found = events.map(({ tenant, name }) => types.find(tenant, name))
      return found.every((type) => type === undefined)
        ? publisher.publishTogether(events)
        : publishSome(events, found)
    },
  }

  async function publishOne(type: Found, event: NewEvent): Promise<Published> {
    const checked = await check(await type, event, 'body')
    if (!('outcome' in checked)) return warned(await publisher.publish(event), checked.warnings)
    if (checked.outcome instanceof MillraceError) throw checked.outcome
    return checked.outcome
  }

  async function publishSome(events: NewEvent[], found: Found[]) {
    const registered = await Promise.all(found)
    const all: { event: NewEvent; checked: Checked }[] = []
    let since = performance.now()
    for (const [index, event] of events.entries()) {
      all.push({ event, checked: await check(registered[index], event, 'payload') })
      if (performance.now() - since < LONGEST_MS) continue
      await nextTurn()
      since = performance.now()
    }
    const good = all.filter(({ checked }) => !('outcome' in checked)).map(({ event }) => event)
    const appended = good.length > 0 ? await publisher.publishTogether(good) : []
    const next = appended.values()
    return all.map(({ checked }) =>
      'outcome' in checked
        ? checked.outcome
        : warned(next.next().value as Appended, checked.warnings),
    )
  }

  async function check(
    type: RegisteredType | undefined,
    event: NewEvent,
    field: string,
  ): Promise<Checked> {
    const faults = type ? faultsOf(event, type, field) : []
    if (faults.length === 0 || type?.onViolation === 'warn') return { warnings: faults }
    return { outcome: (await findKnown(event)) ?? violation(event, faults) }
  }
}

type Found = ReturnType<TypeCache['find']>

function warned(appended: Appended, warnings: Fault[]): Published {
  return warnings.length > 0 ? { ...appended, warnings } : appended
}

function violation({ name }: NewEvent, details: Fault[]): MillraceError {
  const reasons = details.map(({ message }) => message).join('; ')
  const message = `The event does not follow the schema of ${name}: ${reasons}.`
  return new MillraceError('schema_violation', message, { details })
}

/** The faults of the payload, which stands in this field of the request. */
function faultsOf({ payload }: NewEvent, type: RegisteredType, field: string): Fault[] {
  const checked = type.check(JSON.parse(payload.toString()), payload.length)
  if (checked === 'too_expensive') {
    return [fault(field, 'too_expensive', 'takes too long to check against the schema')]
  }
  return checked.map(({ pointer, keyword, reason }) => fault(field + pointer, keyword, reason))
}

/**
 * The event that has an event's idempotency key: as a duplicate, or as a reused key. `keyName`: the
 * name under which the key is unique. Undefined if the key is free.
 */
export async function findKnown(
  db: Db,
  { tenant, idempotencyKey: key, payload }: NewEvent,
  keyName: string,
): Promise<Appended | undefined> {
  const known = await findByKey(db, { tenant, keyName, key })
  if (!known) return undefined
  const isSame = known.payload === payload.toString()
  return { outcome: isSame ? 'duplicate' : 'key_reused', position: known.position }
}
