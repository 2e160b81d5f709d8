// The ceiling of delivery, in a separate process: a loop that posts prepared requests, without a
// database, an order or a signature.

import { serveCalls } from '../kit/remote.ts'
import { newEvents, webhookOf } from './events.ts'
import { createPost } from './post.ts'

const PREPARED = 5_000

export type BareLoad = { target: string; concurrency: number }

const position = Date.now() * 1_000
const requests = newEvents(PREPARED, { entities: PREPARED }).map((event, i) =>
  webhookOf(event, position + i),
)
let loops: Promise<unknown> | undefined
let stopping = false

serveCalls({
  ping: () => {},
  start({ target, concurrency }: BareLoad) {
    const post = createPost(target, concurrency)
    let next = 0
    stopping = false
    const loop = async () => {
      while (!stopping) {
        const { headers, body } = requests[next++ % PREPARED] as (typeof requests)[number]
        await post(headers, body)
      }
    }
    loops = Promise.all(Array.from({ length: concurrency }, loop))
  },
  async stop() {
    stopping = true
    await loops
  },
})
