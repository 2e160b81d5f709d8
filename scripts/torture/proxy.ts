// A TCP proxy between one process of the service and the unix socket of Postgres: it cuts, stalls,
// and makes deaf. Each process has its own, so that a single one can lose the database.

import net from 'node:net'
import { listen } from '../kit/listen.ts'

export type Wire = {
  port: number
  /** Connections through it so far. */
  readonly made: number
  /** Resets every open connection. */
  cut(): void
  /** Passes nothing in either direction, on old and new connections, until resume(). */
  stall(): void
  resume(): void
  /** Swallows the server's messages on connections that LISTEN, until hear(). */
  deafen(): void
  hear(): void
  /** New connections go to another server; open ones stay. */
  turnTo(socketPath: string): void
  close(): void
}

type Link = { client: net.Socket; server: net.Socket; listens: boolean; lostWords: boolean }

/** A LISTEN statement is short; longer ones are not examined. */
const LISTEN_BYTES = 512

export async function startProxy(socketPath: string): Promise<Wire> {
  const links = new Set<Link>()
  let target = socketPath
  let made = 0
  let isStalled = false
  let isDeaf = false

  const listener = net.createServer({ noDelay: true }, (client) => {
    const server = net.connect(target)
    made++
    const link: Link = { client, server, listens: false, lostWords: false }
    links.add(link)
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on('error', () => {})
      from.on('close', () => {
        links.delete(link)
        to.destroy()
      })
    }
    client.on('data', (chunk) => {
      link.listens ||= chunk.length < LISTEN_BYTES && chunk.includes('LISTEN "')
      pass(chunk, client, server)
    })
    server.on('data', (chunk) => {
      if (isDeaf && link.listens) link.lostWords = true
      else pass(chunk, server, client)
    })
    if (isStalled) pause(link)
  })
  const port = await listen(listener)

  return {
    port,
    get made() {
      return made
    },
    cut() {
      for (const { client, server } of links) {
        client.resetAndDestroy()
        server.destroy()
      }
    },
    stall() {
      isStalled = true
      for (const link of links) pause(link)
    },
    resume() {
      isStalled = false
      for (const { client, server } of links) {
        client.resume()
        server.resume()
      }
    },
    deafen() {
      isDeaf = true
    },
    hear() {
      isDeaf = false
      // A stream with a gap breaks the protocol.
      for (const { client, lostWords } of links) if (lostWords) client.resetAndDestroy()
    },
    turnTo(socketPath) {
      target = socketPath
    },
    close() {
      listener.close()
      for (const { client } of links) client.destroy()
    },
  }

  function pass(chunk: Buffer, from: net.Socket, to: net.Socket): void {
    if (to.write(chunk)) return
    from.pause()
    to.once('drain', () => {
      if (!isStalled) from.resume()
    })
  }
}

function pause({ client, server }: Link): void {
  client.pause()
  server.pause()
}
