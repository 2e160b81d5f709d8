// Completed and deleted consumers, known for as long as their receipts are kept. If an id was used
// again, it means the newest life.

import { sql } from 'kysely'
import type { Db } from '../db/pool.ts'
import type { Kind } from './consumer.ts'

export type Ended = {
  createdPosition: number
  ending: 'completed' | 'deleted'
  /** Its last configuration, without its secrets. */
  document: unknown
}

/** The newest life of an id, if it ended after the position `since`; otherwise undefined. */
export async function findEnded(
  db: Db,
  tenant: string,
  { id, kind, since }: { id: string; kind: Kind; since: number },
): Promise<Ended | undefined> {
  const { rows } = await sql<Ended & { ended: number | null }>`
    select
      registered as "createdPosition", ended, document,
      case when ending = kind || '_completed' then 'completed' else 'deleted' end as ending
    from consumer_lives(${tenant}, ${id})
    where kind = ${kind}
    order by registered desc
    limit 1`.execute(db)
  const [newest] = rows
  return newest?.ended && newest.ended > since ? newest : undefined
}
