// A name server on loopback that knows one name and is silent about every other, and a tenant that
// sends to names of the other kind all the time: nobody else may notice. The processes of the
// service are told of the server by silent-names.ts.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from './client.ts'
import type { Findings } from './findings.ts'

/** Resolves to 127.0.0.1. */
export const ANSWERED_NAME = 'answered.torture.test'
export const SILENT_TENANT = 'torture-silent'

const INTEGRATIONS = 6
const EVERY_MS = 500
const ANSWERED = Buffer.from('\x08answered\x07torture\x04test\x00', 'latin1')
const HEADER_BYTES = 12
const TYPE_A = 1
/** An answer to the question at byte 12: type A, class IN, 1 s to live, four bytes: 127.0.0.1. */
const LOOPBACK = Buffer.from('c00c000100010000000100047f000001', 'hex')

export type NameServer = { port: number; close(): void }

/** Starts it on a free port (RFC 1035 4.1 is the format of its messages). */
export async function startNameServer(): Promise<NameServer> {
  const socket = createSocket('udp4')
  socket.on('message', (message, { port, address }) => {
    const end = HEADER_BYTES + ANSWERED.length + 4
    const name = message.subarray(HEADER_BYTES, HEADER_BYTES + ANSWERED.length)
    // Letters come in any case: resolvers mix them so that answers are hard to forge.
    if (name.toString('latin1').toLowerCase() !== ANSWERED.toString('latin1')) return
    const isWanted = message.readUInt16BE(end - 4) === TYPE_A
    const header = Buffer.alloc(HEADER_BYTES)
    message.copy(header, 0, 0, 2)
    header.writeUInt16BE(0x8580, 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(isWanted ? 1 : 0, 6)
    const question = message.subarray(HEADER_BYTES, end)
    socket.send(Buffer.concat([header, question, ...(isWanted ? [LOOPBACK] : [])]), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { port: socket.address().port, close: () => void socket.close() }
}

/** Registers the tenant's integrations and publishes for it until `isOver`. */
export async function sendToSilence(
  { client, findings }: { client: Client; findings: Findings },
  isOver: () => boolean,
): Promise<void> {
  for (let i = 0; i < INTEGRATIONS; i++) {
    const document = {
      id: `silent-${i}`,
      integration_type: 'permanent',
      callback_parameters: { callback_url: `http://silent-${i}.torture.test:9/` },
    }
    const { status } = await client.configure('POST', '', document, SILENT_TENANT)
    // 409: the first try was carried out, and its answer lost.
    if (status !== 200 && status !== 409) findings.broke('not registered', `silent-${i}: ${status}`)
  }
  for (let serial = 0; !isOver(); serial++) {
    const headers = {
      ...{ tenant: SILENT_TENANT, team: 'team-torture', service: 'torture' },
      ...{ 'entity-id': `e${serial}`, 'idempotency-key': `silent-${serial}` },
    }
    await client.send('/events/order.created', { headers, body: '{}', pick: serial })
    await sleep(EVERY_MS)
  }
}
