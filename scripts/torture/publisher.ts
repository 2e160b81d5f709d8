// The interface of publishers over HTTP and in SQL.

import type { Chance } from '../kit/chance.ts'
import type { Findings } from '../kit/findings.ts'
import type { Client } from './client.ts'
import type { Journal } from './journal.ts'
import type { Session } from './session.ts'

export type Publisher = {
  /** Publishes, and returns how many events were begun. */
  next(): Promise<number>
  close(): Promise<void>
}

export type PublisherServices = {
  client: Client
  journal: Journal
  findings: Findings
  /** Events behind delivery: publishers wait while there are too many. */
  backlog(): number
  /** A separate connection for each publisher in SQL. */
  connect(): Session
}

/** The entities of one publisher. `busy`: the share of events of the first one. */
export type Entities = { first: number; count: number; busy: number }

/** Some entities are busy, so that several of their events wait at once. */
export function pickEntity(chance: Chance, { first, count, busy }: Entities): number {
  return first + (chance.happens(busy) ? 0 : chance.whole(0, count - 1))
}
