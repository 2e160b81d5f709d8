// Receivers as raw sockets that end, cut or frame their answers as the field does and RFC 9110
// allows. Each remembers every request whose head it has read, even on a connection that it has
// ended: what a receiver reads, it may carry out.

import net from 'node:net'

type Behaviour = (socket: net.Socket, answer: { count: number }) => void

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'

/** The reaction to a request, the `count`th of its connection. */
export const behaviours = {
  'keeps the connection': (socket) => socket.write(OK),
  'closes without saying so': (socket) => socket.end(OK),
  'closes a turn later without saying so': (socket) => {
    socket.write(OK)
    setImmediate(() => socket.end())
  },
  'closes after every second answer': (socket, { count }) => {
    socket.write(OK)
    if (count === 2) socket.destroySoon()
  },
  'resets after the answer': (socket) => {
    socket.write(OK, () => socket.resetAndDestroy())
  },
  'answers early and closes': (socket) => {
    socket.pause()
    socket.write(OK, () => socket.destroySoon())
  },
  'sends 100 Continue unasked': (socket) => socket.write(CONTINUE + OK),
  'sends 100 Continue in pieces': (socket) => inPieces(socket, CONTINUE + CONTINUE + OK),
  'sends 102 and 103 unasked': (socket) =>
    socket.write(
      `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${OK}`,
    ),
  'speaks HTTP/1.0 with a length': (socket) =>
    socket.end('HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok'),
  'speaks HTTP/1.0 without a length': (socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nok'),
} satisfies Record<string, Behaviour>

export type BehaviourName = keyof typeof behaviours

/** A byte per segment, as far as the network allows. */
function inPieces(socket: net.Socket, [first, ...rest]: string): void {
  if (first === undefined) return
  socket.write(first, () => setImmediate(inPieces, socket, rest.join('')))
}

export type BluntReceiver = {
  url: string
  /** The webhook-id of each request, in order of arrival. */
  ids: string[]
  connections: number
  behave: Behaviour
  close(): Promise<void>
}

/** Starts one on a free port of loopback. */
export async function startBluntReceiver(behave: Behaviour): Promise<BluntReceiver> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    receiver.connections++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    socket.on('close', () => sockets.delete(socket))
    readRequests(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const receiver: BluntReceiver = {
    url: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}/`,
    ids: [],
    connections: 0,
    behave,
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  return receiver

  function readRequests(socket: net.Socket): void {
    let unread = Buffer.alloc(0)
    /** Bytes of a body that are still to come. */
    let missing = 0
    let count = 0
    const isEarly = behave === behaviours['answers early and closes']
    socket.on('data', (chunk: Buffer) => {
      unread = Buffer.concat([unread, chunk])
      for (;;) {
        if (missing > 0) {
          const taken = Math.min(missing, unread.length)
          missing -= taken
          unread = unread.subarray(taken)
          if (missing > 0) return
          if (!isEarly) receiver.behave(socket, { count: ++count })
        }
        const end = unread.indexOf('\r\n\r\n')
        if (end === -1) return
        const head = unread.subarray(0, end).toString('latin1')
        receiver.ids.push(/^webhook-id: (.*)$/m.exec(head)?.[1]?.trim() ?? '')
        missing = Number(/^content-length: (\d+)/m.exec(head)?.[1] ?? 0)
        unread = unread.subarray(end + 4)
        if (isEarly) receiver.behave(socket, { count: ++count })
      }
    })
  }
}
