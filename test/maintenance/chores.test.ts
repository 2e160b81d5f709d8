// What is done each hour: a failure of one chore, or of one tenant, leaves the others as they are.

import { expect, it } from 'vitest'
import { appendEvents } from '../../src/log/append.ts'
import { createLogger, type Logger } from '../../src/logger.ts'
import { readAllEventTypes } from '../../src/maintenance/event-types.ts'
import { eachInOrder, forEach, repeat } from '../../src/repeat.ts'
import { useDatabase } from '../helpers/database.ts'
import { anEvent } from '../helpers/factory.ts'

const database = useDatabase()

it('goes on after a chore that failed, and says which', async () => {
  const told: unknown[] = []
  const logger = { warn: (...line: unknown[]) => told.push(line) }
  const done: string[] = []
  const chores = {
    first: async () => done.push('first'),
    second: () => Promise.reject(new Error('No.')),
    third: async () => done.push('third'),
  }
  await eachInOrder(chores, logger as unknown as Logger, () => false)
  expect(done).toEqual(['first', 'third'])
  expect(told).toEqual([[{ reason: 'No.' }, 'second failed']])
})

it('begins no chore after a stop', async () => {
  const done: string[] = []
  const chores = { first: async () => done.push('first'), second: async () => done.push('second') }
  await eachInOrder(chores, createLogger('silent'), () => done.length === 1)
  expect(done).toEqual(['first'])
})

it('stops a repeated chore after the round under way', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const done: string[] = []
  const repeated = repeat('chore', 1, createLogger('silent'), async () => {
    await promise
    done.push('chore')
  })
  repeated.now()
  const stopped = repeated.stop().then(() => done.push('stopped'))
  repeated.now()
  resolve()
  await stopped
  expect(done).toEqual(['chore', 'stopped'])
})

it('goes on after one of many that failed, and names all that did', async () => {
  const done: string[] = []
  const act = async ({ tenant }: { tenant: string }) => {
    if (tenant.startsWith('bad')) throw new Error('No.')
    done.push(tenant)
  }
  const all = ['bad-a', 'good', 'bad-b', 'better'].map((tenant) => ({ tenant }))
  await expect(forEach(all, act)).rejects.toThrow('bad-a: No.; bad-b: No.')
  expect(done).toEqual(['good', 'better'])
})

it('reads the event names of every tenant but the one whose log it cannot read', async () => {
  for (const tenant of ['a', 'b', 'c']) {
    await appendEvents(database.pool, [anEvent({ tenant })])
  }
  await database.admin.pool.query(
    `alter table event_type_reader add constraint breaks check (tenant <> 'b')`,
  )
  await expect(readAllEventTypes(database)).rejects.toThrow(/^b: .*breaks/)
  const { rows } = await database.pool.query('select distinct tenant from event_type order by 1')
  expect(rows).toEqual([{ tenant: 'a' }, { tenant: 'c' }])
})
