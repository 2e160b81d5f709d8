// An integration that gets an event now and then is advanced by one turn, not by a new one each.

import { expect, it } from 'vitest'
import { publish, register } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import { SLICE_MS } from '../../src/delivery/turn.ts'
import { useDatabase } from '../helpers/database.ts'
import { useReceiver, useService } from '../helpers/service.ts'

const database = useDatabase()
const receiver = useReceiver()
const service = useService('start', database)

it('keeps its slot while events come', async () => {
  await register(service.url, 'erp', receiver.url)
  const runs = new Set<string>()
  // Longer than an idle turn lasts.
  const end = performance.now() + SLICE_MS * 1.6
  for (let i = 0; performance.now() < end; i++) {
    const { body } = await publish(service.url, { key: `k${i}`, payload: '{}' })
    await until('its progress is written', async () => {
      const { rows } = await database.pool.query<{ run: string; read: string }>(
        `select epoch || ' ' || owner as run, read_position as read
         from cursor join integration on integration.id = cursor.consumer`,
      )
      if (Number(rows[0]?.read) < body.position) return false
      runs.add(rows[0]?.run as string)
      return true
    })
  }
  expect([...runs]).toHaveLength(1)
})
