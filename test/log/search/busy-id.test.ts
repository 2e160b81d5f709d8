// An id with more events than a step along the index takes, today's among them: what is published
// later today is found, too, by a call that waits and by a follower.

import { beforeAll, expect, it } from 'vitest'
import { call } from '../../../scripts/kit/client.ts'
import { searchFilterOf } from '../../../src/log/filter.ts'
import { END_OF_LOG } from '../../../src/log/position.ts'
import { search } from '../../../src/log/search/search.ts'
import { useDatabase } from '../../helpers/database.ts'
import { useService } from '../../helpers/service.ts'
import { openStream, put } from '../../helpers/streams.ts'

const database = useDatabase()
const service = useService('serve', database)

beforeAll(async () => {
  const { pool } = database.admin
  await pool.query(`select create_partition('event', (now() at time zone 'UTC')::date - 1, 1)`)
  // 2,500 events of the customer "busy", and none of the entity: half of them today's.
  await pool.query(`
    insert into event
    select 'dodici', position_of(now()) - day * 86400000000 - i, 'order.created', 'o-' || i,
      'k' || day || '-' || i, 't', 's', '{"customer_id":"busy"}', 2, '{}'
    from unnest(array[0, 1]) as day
    cross join generate_series(1, 1250) as i`)
})

it('says that it was read up to what there is, and hides nothing that comes later', async () => {
  const range = { tenant: 'dodici', after: 0, before: END_OF_LOG, descending: false }
  const page = await search(database.kysely, {
    range,
    filter: searchFilterOf({ entity_id: 'busy' }, []),
    limit: 10,
  })
  expect(page).toMatchObject({ found: [], next: null })
  expect(page.through).toBeLessThanOrEqual(Date.now() * 1_000)

  const query = '?after=0&entity_id=busy'
  const stream = await openStream(service.url, { query })
  const waits = call<{ events: { position: number }[] }>(`${service.url}/events${query}&wait=30`)
  const position = await put(service.url, 'late', { entityId: 'busy' })
  expect((await waits).body.events.map((event) => event.position)).toEqual([position])
  await stream.has(1)
  expect(stream.ids()).toEqual([position])
})
