// Valid things, unless told otherwise.

import { randomUUID } from 'node:crypto'
import type { LoggedEvent, NewEvent } from '../../src/log/event.ts'

export function anEvent(changes: Partial<NewEvent> = {}): NewEvent {
  return {
    tenant: 'dodici',
    name: 'order.created',
    entityId: 'order-1',
    idempotencyKey: randomUUID(),
    team: 'team-orders',
    service: 'shop',
    correlationIds: '{}',
    payload: Buffer.from('{"id":"order-1"}'),
    live: true,
    traceparent: null,
    ...changes,
  }
}

export function aLoggedEvent(changes: Partial<LoggedEvent> = {}): LoggedEvent {
  return {
    position: 1_760_000_000_000_000,
    name: 'order.created',
    entityId: 'order-1',
    idempotencyKey: 'key-1',
    traceparent: null,
    payload: '{}',
    ...changes,
  }
}
