// millrace listen [port]: a receiver that prints each delivery and answers 200. For a first look;
// it stores nothing.

import http from 'node:http'
import { openPort } from '../port.ts'

/** Listens on loopback, on `port`, 0 for any. Resolves with the URL. */
export async function printArrivals(port: number, print: (line: string) => void): Promise<string> {
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8')
      const { 'millrace-position': position } = request.headers
      const late = position ? ` ${(Date.now() - Number(position) / 1000).toFixed(1)} ms after` : ''
      if (request.method === 'POST') print(`received${late} publishing: ${body}`)
      response.end()
    })
  })
  const remedy = `end the other process, or name another: millrace listen ${port + 1}`
  const address = await openPort(server, { host: '127.0.0.1', port }, remedy)
  return `http://127.0.0.1:${address.port}`
}
