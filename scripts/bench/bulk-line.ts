// The events of the benchmark as lines of a bulk body.

import { newEvent } from './events.ts'

/** Event number `i` of as many entities, as a line with its end. */
export function bulkLine(i: number, entities: number): Buffer {
  const { name, entityId, idempotencyKey, payload } = newEvent(i, { entities })
  const head =
    `{"name":"${name}","entity_id":"${entityId}","idempotency_key":"${idempotencyKey}",` +
    '"payload":'
  return Buffer.concat([Buffer.from(head), payload, Buffer.from('}\n')])
}
