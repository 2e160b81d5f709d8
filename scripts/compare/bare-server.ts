// The ceiling of publishing, in a process of its own: a server of node:http that reads the body and
// answers 201.

import http from 'node:http'
import { listen } from '../kit/listen.ts'
import { serveCalls } from '../kit/remote.ts'

const ANSWER = '{"position":1790000000000000,"duplicate":false}'

serveCalls({
  ping: () => {},
  async start() {
    const server = http.createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk) => chunks.push(chunk))
      request.on('end', () => {
        response.writeHead(201, { 'content-type': 'application/json' })
        response.end(Buffer.concat(chunks).length > 0 ? ANSWER : '{}')
      })
    })
    return `http://127.0.0.1:${await listen(server)}`
  },
})
