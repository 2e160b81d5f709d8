// A broker that speaks SQS, in a process of its own: the one of npm, with its queues in memory.

import { startFauxqs } from 'fauxqs'
import { serveCalls } from '../kit/remote.ts'

type Server = Awaited<ReturnType<typeof startFauxqs>>

/** What a queue holds, and whether that is what it should hold. */
export type QueueContent = {
  count: number
  /** Messages that the queue holds a second time. */
  repeated: number
  /** Messages that are behind a newer one of their entity. */
  misplaced: number
}

let server: Server | undefined

serveCalls({
  ping: () => {},
  async start(queues: string[]): Promise<string> {
    server = await startFauxqs({ port: 0, logger: false })
    for (const name of queues) create(name)
    return `http://127.0.0.1:${server.port}`
  },
  count: (queue: string): number => messagesOf(queue).length,
  content(queue: string): QueueContent {
    const positions = new Set<number>()
    const newest = new Map<string, number>()
    let misplaced = 0
    const messages = messagesOf(queue)
    for (const { body, messageAttributes } of messages) {
      const position = Number(messageAttributes['position']?.StringValue)
      const { entity_id } = JSON.parse(body) as { entity_id: string }
      if (position < (newest.get(entity_id) ?? 0)) misplaced++
      newest.set(entity_id, position)
      positions.add(position)
    }
    return { count: messages.length, repeated: messages.length - positions.size, misplaced }
  },
  empty(queue: string) {
    server?.deleteQueue(queue)
    create(queue)
  },
})

function create(queue: string): void {
  server?.createQueue(queue)
}

function messagesOf(queue: string) {
  return server?.inspectQueue(queue)?.messages.ready ?? []
}
