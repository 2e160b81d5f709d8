// The registered types of the tenants that publish, for some seconds, so that publishing does not
// query the database for each event. The process that changes one knows it at once, every other one
// within TYPE_CACHE_MS. For a busy tenant they are read ahead: no publish waits for that.

import { setTimeout as sleep } from 'node:timers/promises'
import { whileAway } from '../db/while-away.ts'
import { MillraceError } from '../errors.ts'
import type { StoredType } from './registered.ts'
import { createTypeStore, type RegisteredType, type Types } from './store.ts'

/** How long what was read is valid. */
const TYPE_CACHE_MS = 3_000
/** It is read ahead in the last part of that. */
const AHEAD_MS = 1_500
/** How long a publish waits for the database before it goes by what was read last. */
const PATIENCE_MS = 1_000
/** How long a reading is tried again while the database is away, and how often. */
const RETRY_MS = 5_000
const PAUSE_MS = 100

type Load = (tenant: string) => Promise<StoredType[]>

export type TypeCache = {
  /** The registered type of a tenant's events of this name; at once if it is cached. */
  find(
    tenant: string,
    name: string,
  ): RegisteredType | undefined | Promise<RegisteredType | undefined>
  /** Something was changed by this process. */
  forget(tenant: string): void
}

/**
 * A cache in front of `load`. If the database does not answer, it goes by what was read last; if
 * nothing was, `find` rejects with `unavailable`: no event passes unchecked.
 */
export function createTypeCache(load: Load): TypeCache {
  const store = createTypeStore()
  const loading = new Map<string, Promise<Types>>()

  return {
    find(tenant, name) {
      const entry = store.find(tenant)
      if (!entry) return ask(tenant).then((types) => types.get(name))
      const left = entry.until - performance.now()
      if (left <= 0) return unlessLate(tenant, entry.types).then((types) => types.get(name))
      if (left < AHEAD_MS) ask(tenant).catch(() => {})
      return entry.types.get(name)
    },
    forget(tenant) {
      store.drop(tenant)
      loading.delete(tenant)
    },
  }

  /** The types as they are read now, or as they were read last. */
  async function unlessLate(tenant: string, last: Types): Promise<Types> {
    const giveUp = new AbortController()
    const late = sleep(PATIENCE_MS, undefined, { signal: giveUp.signal }).catch(() => undefined)
    const read = await Promise.race([ask(tenant).catch(() => undefined), late])
    giveUp.abort()
    if (read) return read
    // So that not every publish waits.
    store.extend(tenant, performance.now() + PATIENCE_MS)
    return last
  }

  /** One query at a time for a tenant, however many events wait for it. */
  function ask(tenant: string): Promise<Types> {
    const underWay = loading.get(tenant)
    if (underWay) return underWay
    const asked: Promise<Types> = read(load, tenant)
      .then(({ stored, until }) =>
        loading.get(tenant) === asked
          ? store.remember(tenant, stored, until)
          : store.typesOf(tenant, stored),
      )
      .finally(() => {
        if (loading.get(tenant) === asked) loading.delete(tenant)
      })
    loading.set(tenant, asked)
    return asked
  }
}

/** Reads a tenant's types, also if the database is away for a moment. */
async function read(load: Load, tenant: string): Promise<{ stored: StoredType[]; until: number }> {
  const deadline = performance.now() + RETRY_MS
  let began = 0
  const once = () => {
    // Counted from before the query, not from its answer, which may be as old.
    began = performance.now()
    return load(tenant)
  }
  const options = {
    pauseMs: () => PAUSE_MS,
    mayWait: (ms: number) => performance.now() + ms <= deadline,
  }
  try {
    const stored = await whileAway(once, options)
    return { stored, until: began + TYPE_CACHE_MS }
  } catch (cause) {
    const message = 'The event types cannot be looked up now; try again.'
    throw new MillraceError('unavailable', message, { cause, retryAfterSeconds: 1 })
  }
}
