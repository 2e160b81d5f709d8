// An S3 store in a separate process: Ceph's if it is installed, otherwise the one of npm. The
// faults of a front before it follow the seed. In buckets with a certain name it is slow, refuses,
// resets in the middle of a request or an answer, and falls silent.

import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { createChance } from '../kit/chance.ts'
import { startStore, storeKinds } from '../kit/store.ts'
import { createMoods } from './moods.ts'

/**
 * `lost`: the store executed the request, and its answer is lost. `cut`: the connection is reset in
 * the middle of a request.
 */
type Mood = 'well' | 'slow' | 'failing' | 'throttling' | 'lost' | 'cut' | 'silent' | 'down'

const [seed = '1', wanted] = process.argv.slice(2)
const chance = createChance(Number(seed))
const moodOf = createMoods<Mood>(chance, [
  { mood: 'well', lastsMs: [500, 3_000] },
  { mood: 'slow', lastsMs: [300, 1_500] },
  { mood: 'failing', lastsMs: [50, 800] },
  { mood: 'throttling', lastsMs: [50, 400] },
  { mood: 'lost', lastsMs: [200, 1_500] },
  { mood: 'cut', lastsMs: [200, 1_500] },
  { mood: 'silent', lastsMs: [50, 500] },
  { mood: 'down', lastsMs: [500, 4_000] },
])
const kind = storeKinds.findLast((each) => wanted === undefined || each === wanted)
if (!kind) throw new Error(`STORE=${wanted} is not one of ${storeKinds}.`)
const store = await startStore(kind)
const upstream = new http.Agent({ keepAlive: true })
let isHealed = false

const front = http.createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
  const url = new URL(request.url ?? '/', 'http://front')
  const [, bucket = '', key = ''] = url.pathname.split('/')
  const isList = request.method === 'GET' && url.searchParams.has('uploads')
  // The torture itself creates a bucket.
  const isFaulty = bucket.startsWith('flaky') && !(request.method === 'PUT' && key === '')
  const mood = isFaulty && !isHealed ? moodOf().mood : 'well'
  // Not everything fails in a bad phase, so that an upload comes into the middle of one.
  const isSpared = chance.happens(0.4)
  if (mood === 'well' || isSpared) pass()
  else if (mood === 'slow') setTimeout(pass, chance.whole(20, 400))
  else if (mood === 'failing') refuse(500, 'InternalError')
  else if (mood === 'throttling') refuse(503, 'SlowDown')
  else if (mood === 'lost') pass(() => response.socket?.resetAndDestroy())
  else if (mood === 'cut') cut(chance.whole(0, 2_000_000))
  else if (mood === 'down') request.socket.resetAndDestroy()
  // Silent: never answered; the sender gives up.

  function pass(answered?: () => void): void {
    // Requests of a process that is dead by now are not carried out.
    if (request.destroyed) return
    if (isList && kind === 'fauxqs') return void list(answered)
    const { method, headers, url: path } = request
    const target = new URL(store.endpoint)
    const options = { host: target.hostname, port: target.port, agent: upstream }
    const passed = http.request({ ...options, method, path, headers }, (answer) => {
      if (answered) return void answer.resume().on('end', answered)
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    passed.on('error', () => request.socket.resetAndDestroy())
    request.on('error', () => passed.destroy())
    request.on('close', () => request.complete || passed.destroy())
    request.pipe(passed)
  }

  function refuse(status: number, code: string): void {
    request.resume()
    response.writeHead(status).end(`<Error><Code>${code}</Code></Error>`)
  }

  function cut(afterBytes: number): void {
    let bytes = 0
    request.on('data', (chunk) => {
      bytes += chunk.length
      if (bytes > afterBytes) request.socket.resetAndDestroy()
    })
    request.on('end', () => request.socket.resetAndDestroy())
    request.on('error', () => {})
  }

  /** The store of npm has no such list. */
  async function list(answered = () => {}): Promise<void> {
    const prefix = url.searchParams.get('prefix') ?? ''
    const uploads = await store.uploads(bucket)
    const found = uploads
      .filter(({ key }) => key.startsWith(prefix))
      .map(({ key, id }) => `<Upload><Key>${key}</Key><UploadId>${id}</UploadId></Upload>`)
    const body = `<ListMultipartUploadsResult>${found.join('')}</ListMultipartUploadsResult>`
    answered()
    response.end(body)
  }
})
front.on('clientError', (_, socket: Duplex) => socket.destroy())
front.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (front.address() as AddressInfo).port })
})
process.on('message', () => {
  isHealed = true
  // Requests that were never to be answered are over.
  front.closeAllConnections()
})
process.on('disconnect', () => void store.close().finally(() => process.exit(0)))
