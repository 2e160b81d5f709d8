// The main job at volume: 20,000 events of 500 entities from 32 publishers at once.

import { expect, it } from 'vitest'
import { publish, register } from '../../scripts/kit/client.ts'
import { startReceiver } from '../../scripts/kit/receiver.ts'
import { useDatabase } from '../helpers/database.ts'
import { everythingArrives, expectOrderPerEntity, publishLoad } from '../helpers/load.ts'
import { useReceiver, useService } from '../helpers/service.ts'

const database = useDatabase()
const receiver = useReceiver()
const service = useService('start', database)

it('delivers every event once, each entity in the order of publishing', async () => {
  await register(service.url, 'erp', receiver.url)
  const load = { events: 20_000, entities: 500, publishers: 32 }
  const journal = await publishLoad(() => service.url, load)
  expect(journal).toMatchObject({ repeated: 0 })
  expect(journal.stored.size).toBe(20_000)
  expect(new Set(journal.stored.values()).size).toBe(20_000)
  expect(await everythingArrives(receiver, journal)).toBe(0)
  expectOrderPerEntity(receiver, 500)
})

it('delivers every event to each of ten integrations that read the log together', async () => {
  const receivers = await Promise.all(Array.from({ length: 10 }, () => startReceiver()))
  const tenant = 'many'
  for (const [index, { url }] of receivers.entries()) {
    await register(service.url, `target-${index}`, url, {}, tenant)
  }
  const load = { events: 1_000, entities: 50, publishers: 8, prefix: 'many', tenant }
  const journal = await publishLoad(() => service.url, load)
  for (const each of receivers) {
    expect(await everythingArrives(each, journal)).toBe(0)
    expectOrderPerEntity(each, 50)
  }
  await Promise.all(receivers.map((each) => each.close()))
})

it('appends a key once, however many publishers race for it', async () => {
  const before = (
    await database.pool.query(`select count(*)::integer from event
    where name not like 'millrace.%'`)
  ).rows[0].count
  const answers = await Promise.all(
    Array.from({ length: 8 }, async () => {
      let duplicates = 0
      for (let i = 0; i < 2_000; i++) {
        const reply = await publish(service.url, { key: `raced-${i}`, payload: `{"i":${i}}` })
        expect(reply.status).toBe(201)
        if (reply.body.duplicate) duplicates++
      }
      return duplicates
    }),
  )
  expect(answers.reduce((sum, duplicates) => sum + duplicates)).toBe(14_000)
  const after = (
    await database.pool.query(`select count(*)::integer from event
    where name not like 'millrace.%'`)
  ).rows[0].count
  expect(after - before).toBe(2_000)
  const other = await publish(service.url, { key: 'raced-7', payload: '{"i":8}' })
  expect(other.status).toBe(400)
})
