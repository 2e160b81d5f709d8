// The shop as a projection that delivery advances. A page of events becomes changes; the rows that
// they touch are loaded, changed in memory and saved, in the transaction that moves the cursor.

import type { Db } from '../../db/pool.ts'
import type { Projection } from '../../delivery/project.ts'
import type { LoggedEvent } from '../../log/event.ts'
import type { Logger } from '../../logger.ts'
import { applyEvent } from './apply.ts'
import { decodeEvent } from './decode.ts'
import { emptyShop } from './shop.ts'
import { loadShop, saveShop } from './tables.ts'

export const SHOP = 'projection:shop'

/** An unreadable entity is logged with its position, and skipped. */
export function createShopProjection(logger: Logger): Projection {
  return {
    async apply(db, tenant, events) {
      const skipped = await projectEvents(db, tenant, events)
      for (const one of skipped) logger.warn({ tenant, ...one }, 'entity not readable')
    },
    async passOver(db, tenant, { position }, reason) {
      const shop = emptyShop()
      shop.unreadable.push({ position, entry: 0, reason })
      await saveShop(db, tenant, shop, [])
    },
  }
}

/** Applies events in order, and returns the unreadable entities. */
export async function projectEvents(db: Db, tenant: string, events: LoggedEvent[]) {
  const decoded = events.map(decodeEvent)
  const changes = decoded.flatMap((one) => one.changes)
  const shop = await loadShop(db, tenant, changes)
  for (const one of decoded) {
    // A loop: one event may have more entities than a call takes arguments.
    for (const entry of one.unreadable) shop.unreadable.push(entry)
    applyEvent(shop, one.changes)
  }
  await saveShop(db, tenant, shop, changes)
  return shop.unreadable
}
