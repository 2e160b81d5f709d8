// The waker: one statement at a time, the first at once, and what comes meanwhile together.

import type pg from 'pg'
import { expect, it } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import { createWaker } from '../../src/delivery/wake.ts'
import { createLogger } from '../../src/logger.ts'

/** A pool whose statements are answered by hand. */
function slowPool() {
  const statements: { tenants: string[]; answer(error?: Error): void }[] = []
  const query = ({ values: [tenants] }: { values: [string[]] }) =>
    new Promise<void>((resolve, reject) => {
      statements.push({ tenants, answer: (error) => (error ? reject(error) : resolve()) })
    })
  return { statements, pool: { query } as unknown as pg.Pool }
}

it('wakes the first tenant at once, and the others together after it', async () => {
  const { pool, statements } = slowPool()
  const waker = createWaker(pool, createLogger('silent'))
  waker.wake('dodici')
  expect(statements.map(({ tenants }) => tenants)).toEqual([['dodici']])
  for (const tenant of ['tredici', 'dodici', 'tredici']) waker.wake(tenant)
  expect(statements).toHaveLength(1)
  statements[0]?.answer()
  await until('the others are woken', () => statements.length === 2)
  expect(statements[1]?.tenants).toEqual(['tredici', 'dodici'])
})

it('goes on after a statement that failed', async () => {
  const { pool, statements } = slowPool()
  const waker = createWaker(pool, createLogger('silent'))
  waker.wake('dodici')
  waker.wake('tredici')
  statements[0]?.answer(new Error('The connection is lost.'))
  await until('the next is woken', () => statements.length === 2)
  expect(statements[1]?.tenants).toEqual(['tredici'])
})
