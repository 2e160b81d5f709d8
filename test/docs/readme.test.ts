// The manual as a stranger uses it: every block of README.md pasted in its order, in a fresh
// checkout. Only addresses and keys are others than those printed: ports are free ones, and what
// stands for AWS, SendGrid and somebody's Postgres is their stand-in.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Broker, keys, startBroker } from '../helpers/broker.ts'
import { useDatabase } from '../helpers/database.ts'
import { query } from '../helpers/postgres.ts'
import { type Receiver, startReceiver } from '../helpers/receiver.ts'
import { type SendGrid, startSendGrid } from '../helpers/sendgrid.ts'
import { type Store, startStore } from '../helpers/store.ts'
import { until } from '../helpers/until.ts'
import { type Block, blocksOf } from './blocks.ts'
import { type Checkout, makeCheckout, type Running } from './checkout.ts'
import { pgDumpAt, startDumpServer } from './pg-dump.ts'
import { type Shell, startShell } from './shell.ts'

const manual = path.resolve(import.meta.dirname, '../../README.md')
const isHere = (command: string) => spawnSync('which', [command]).status === 0
/** What not every machine has. A block that needs one that is missing is named, and not run. */
const missing = [
  ...['curl', 'psql', 'openssl'].filter((command) => !isHere(command)),
  ...(pgDumpAt ? [] : ['pg_dump']),
]
const lacks = ({ text }: Block) => missing.filter((command) => text.includes(`${command} `))

const all = blocksOf(readFileSync(manual, 'utf8'))
const isRun = ({ language }: Block) => language === 'sh' || language === 'sql'
const notRun = all.filter((block) => isRun(block) && lacks(block).length > 0)
const blocks = all.filter((block) => !notRun.includes(block) && block.language !== '')

const database = useDatabase()
let checkout: Checkout
let shell: Shell
let receiver: Receiver
let broker: Broker
let store: Store
let sendgrid: SendGrid
let running: Running | undefined
let printed = ''

beforeAll(async () => {
  for (const block of notRun) console.log(`README.md:${block.line}: not run, no ${lacks(block)}`)
  checkout = makeCheckout()
  receiver = await startReceiver()
  broker = await startBroker()
  store = await startStore('fauxqs')
  await store.createBucket('company-events')
  sendgrid = await startSendGrid()
})
afterAll(async () => {
  shell?.close()
  await running?.stop()
  await Promise.all([receiver.close(), broker.close(), store.close(), sendgrid.close()])
  checkout.remove()
})

/** Of a terminal that knows nothing of the tests' own database. */
function environment(): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env
  return {
    ...{ PATH, HOME, PORT: '0' },
    AWS_ENDPOINT_URL_S3: store.endpoint,
    MILLRACE_SENDGRID_URL: sendgrid.url,
    ...(running ? { MILLRACE_URL: running.url } : {}),
  }
}

/** A block with the addresses and keys of this machine. */
function localized(text: string): string {
  const places = [
    ['http://127.0.0.1:8080', running?.url ?? 'no service'],
    ['http://127.0.0.1:9099/', receiver.url],
    ['postgres://user:password@host/database', database.adminUrl],
    ['https://sqs.eu-west-1.amazonaws.com/123456789012/customers', queueUrl()],
    ['AKIAIOSFODNN7EXAMPLE', keys.accessKeyId],
    ['wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', keys.secretAccessKey],
    ['SG.a-key-of-sendgrid', sendgrid.key],
  ] as const
  return places.reduce((local, [place, here]) => local.replaceAll(place, here), text)
}

let made: string | undefined
const queueUrl = () => {
  made ??= broker.createQueue('customers')
  return made
}

async function paste(block: Block): Promise<void> {
  const text = localized(block.text)
  if (block.language === 'json') {
    const fields = Object.keys(JSON.parse(block.text))
    // What the command before it has printed.
    if (block.before) expect(Object.keys(JSON.parse(printed))).toEqual(fields)
  } else if (block.language === 'sql') {
    await query(databaseOfCheckout(), text)
  } else if (/\bmake run$/.test(block.text)) {
    const started = await checkout.start(text, environment())
    if (running) return started.stop()
    running = started
    shell = startShell(checkout.directory, environment())
  } else if (block.text.includes('pg_dump ')) {
    await onDumpServer(text)
  } else {
    printed = await shell.run(text)
  }
}

const databaseOfCheckout = () =>
  `postgres://postgres@/postgres?host=${encodeURIComponent(`${checkout.directory}/.millrace/run`)}`

async function onDumpServer(text: string): Promise<void> {
  const bin = pgDumpAt as string
  const server = await startDumpServer(bin)
  const own = startShell(checkout.directory, {
    ...environment(),
    ...{ PATH: `${bin}:${process.env['PATH']}`, DATABASE_URL: server.url },
  })
  try {
    await own.run(text)
  } finally {
    own.close()
    await server.stop()
  }
}

describe('README.md', () => {
  it.each(blocks.map((block) => [block.line, block] as const))('line %i', async (_, block) => {
    await paste(block)
  })

  it('shows the request as a receiver gets it', async () => {
    const shown = all.find(({ text }) => text.startsWith('POST /')) as Block
    const [request = '', ...lines] = shown.text.split('\n')
    const headers = lines.slice(0, lines.indexOf('')).map((line) => line.split(':')[0])
    expect(request).toBe('POST /  HTTP/1.1')
    const published = blocks.find(({ text }) => text.includes('/events/order.created')) as Block
    await shell.run(localized(published.text).replace('04d02325-created', 'once-more'))
    await until('an event arrives', () => receiver.received.length > 0)
    const names = receiver.received.flatMap((received) => Object.keys(received.headers))
    expect(headers.filter((name) => !names.includes(name as string))).toEqual([])
  })
})
