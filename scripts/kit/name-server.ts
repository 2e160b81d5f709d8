// A name server on loopback (RFC 1035, UDP) that answers for known names and is silent about all
// others. NAME_SERVER and the preload of set-servers.ts make a process use it.

import dgram from 'node:dgram'
import net from 'node:net'
import path from 'node:path'

const A = 1
const AAAA = 28
const NXDOMAIN = 3
const IN_THE_QUESTION = 0xc00c

export type NameServer = {
  /** In the format of dns.setServers. */
  address: string
  /** The addresses of a name; [] for a name that does not exist. Other names get no answer. */
  names: Map<string, string[]>
  /** Known names that get no answer all the same. */
  silent: Set<string>
  /** The queries so far, with their type: "shop.example A". */
  questions: string[]
  /** The environment of a process that uses it. */
  environment: { NODE_OPTIONS: string; NAME_SERVER: string }
  close(): Promise<void>
}

/** Starts one on a free port. */
export async function startNameServer(names: Record<string, string[]> = {}): Promise<NameServer> {
  const socket = dgram.createSocket('udp4')
  socket.on('message', (query, from) => {
    const { name, type, end } = readQuestion(query)
    const question = `${name} ${type === A ? 'A' : type === AAAA ? 'AAAA' : type}`
    nameServer.questions.push(question)
    const addresses = nameServer.names.get(name)
    const isSilent = !addresses || nameServer.silent.has(question)
    if (!isSilent) socket.send(answerOf(query.subarray(0, end), type, addresses), from.port)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const address = `127.0.0.1:${socket.address().port}`
  const preload = path.resolve(import.meta.dirname, 'set-servers.ts')
  const nameServer: NameServer = {
    address,
    names: new Map(Object.entries(names)),
    silent: new Set(),
    questions: [],
    environment: { NODE_OPTIONS: `--import ${preload}`, NAME_SERVER: address },
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  }
  return nameServer
}

function readQuestion(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 }
}

function answerOf(query: Buffer, type: number, addresses: string[]): Buffer {
  const version = type === A ? 4 : 6
  const records = addresses
    .filter((address) => net.isIP(address) === version)
    .map((address) => recordOf(type, bytesOf(address)))
  const header = Buffer.from(query)
  // An answer, recursion available; one question, these answers, nothing else.
  header.writeUInt16BE(0x8180 | (addresses.length === 0 ? NXDOMAIN : 0), 2)
  header.writeUInt16BE(records.length, 6)
  header.writeUInt32BE(0, 8)
  return Buffer.concat([header, ...records])
}

function recordOf(type: number, data: Buffer): Buffer {
  const record = Buffer.alloc(12)
  record.writeUInt16BE(IN_THE_QUESTION, 0)
  record.writeUInt16BE(type, 2)
  record.writeUInt16BE(1, 4)
  record.writeUInt32BE(60, 6)
  record.writeUInt16BE(data.length, 10)
  return Buffer.concat([record, data])
}

/** An IPv6 address must be given in full. */
function bytesOf(address: string): Buffer {
  if (net.isIPv4(address)) return Buffer.from(address.split('.').map(Number))
  return Buffer.from(
    address
      .split(':')
      .map((group) => group.padStart(4, '0'))
      .join(''),
    'hex',
  )
}
