// README.md as a stranger uses it: every block pasted in its order, in a fresh checkout.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { openSession, readPage, type Session } from './session.ts'

const database = useDatabase()
const { pasted } = readPage('README.md')
let session: Session

beforeAll(async () => {
  session = await openSession(() => database.adminUrl)
})
afterAll(() => session?.close())

it.each(pasted.map((block) => [block.line, block] as const))('line %i', async (_, block) => {
  await session.paste(block)
})

it('ends with the first event delivered', async () => {
  const received = /received .* publishing: {"tenant":"dodici","name":"order.created",/
  await until('the receiver prints it', () => received.test(session.terminal().transcript()))
  expect(pasted.some(({ text }) => text.includes('listen --forward'))).toBe(true)
})
