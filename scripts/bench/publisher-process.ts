// Millrace's publishing without the HTTP in front, in a process of its own: what `serve` does with
// an event once it has read the request. The rivals publish from a process likewise.

import '../../src/heap.ts'
import { createPipe } from '../../src/db/pipe.ts'
import { openDatabase } from '../../src/db/pool.ts'
import { createWaker } from '../../src/delivery/wake.ts'
import { appendEvents } from '../../src/log/append.ts'
import { createPublisher, type Publisher } from '../../src/log/batch.ts'
import { createLogger } from '../../src/logger.ts'
import { serveCalls } from '../kit/remote.ts'
import { newEvent } from './events.ts'
import { addEach, ENTITIES, PUBLISHER_TENANT, type Publishing } from './rival.ts'

const logger = createLogger('error')
let publisher: Publisher | undefined

function publisherOf(url: string): Publisher {
  const durable = openDatabase(url, { durability: 'durable', max: 4, pipeline: true, logger })
  const pipe = createPipe(durable.pool)
  const notifier = openDatabase(url, { durability: 'relaxed', max: 1, logger })
  const waker = createWaker(notifier.pool, logger)
  return createPublisher({
    append: (events) => appendEvents(pipe, events),
    onAppended: (tenants) => tenants.forEach(waker.wake),
  })
}

serveCalls({
  ping: () => {},
  async publish(publishing: Omit<Publishing, 'tuned'>) {
    publisher ??= publisherOf(publishing.url)
    const { publish } = publisher
    const tenant = PUBLISHER_TENANT
    // An entity's events keep their order: what one process publishes is appended in that order.
    await addEach(publishing, async (i) => {
      const { outcome } = await publish(newEvent(i, { entities: ENTITIES, tenant }))
      if (outcome !== 'appended') throw new Error(`Event ${i} was not appended: ${outcome}.`)
    })
  },
})
