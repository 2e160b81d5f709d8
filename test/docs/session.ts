// Somebody who reads a page and pastes its blocks into a terminal, in a fresh checkout. Only
// addresses and keys are others than those printed: ports are free ones, and what stands for AWS,
// SendGrid and somebody's Postgres is their stand-in.

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import { query } from '../../scripts/kit/postgres.ts'
import { type Receiver, startReceiver } from '../../scripts/kit/receiver.ts'
import { type Store, startStore } from '../../scripts/kit/store.ts'
import { type Broker, keys, startBroker } from '../helpers/broker.ts'
import { freePort } from '../helpers/free-port.ts'
import { tellNotRun } from '../helpers/not-run.ts'
import { type SendGrid, startSendGrid } from '../helpers/sendgrid.ts'
import { type Block, blocksOf } from './blocks.ts'
import { type Checkout, makeCheckout, type Running } from './checkout.ts'
import { pgDumpAt, startDumpServer } from './pg-dump.ts'
import { type Shell, startShell } from './shell.ts'

export const root = path.resolve(import.meta.dirname, '../..')

const isHere = (command: string) => spawnSync('which', [command]).status === 0
/** What not every machine has. A block that needs one that is missing is named, and not run. */
const missing = [
  ...['curl', 'psql', 'openssl', 'python3', 'java'].filter((command) => !isHere(command)),
  ...(pgDumpAt ? [] : ['pg_dump']),
]
const lacks = ({ text }: Block) => missing.filter((command) => text.includes(`${command} `))

/** A program or a manifest: saved under the name in its first line, for later blocks to use. */
const FILES = ['js', 'python', 'java', 'yaml']
const RUN = ['sh', 'sql', 'json', ...FILES]
/** Looked at by tests of their own: a request on the wire, and pictures. */
const SHOWN = ['http', 'text']

/** The blocks of a page, and those of them that are pasted. Names those that cannot be run here. */
export function readPage(file: string): { all: Block[]; pasted: Block[] } {
  const all = blocksOf(readFileSync(path.join(root, file), 'utf8'))
  for (const { line, language } of all) {
    if (![...RUN, ...SHOWN].includes(language)) {
      throw new Error(`${file}:${line}: no test knows what to do with "${language}".`)
    }
  }
  const isCommand = ({ language }: Block) => language === 'sh' || language === 'sql'
  const notRun = all.filter((block) => isCommand(block) && lacks(block).length > 0)
  for (const block of notRun) tellNotRun(`${file}:${block.line}: not run, no ${lacks(block)}`)
  const isPasted = (block: Block) => RUN.includes(block.language) && !notRun.includes(block)
  return { all, pasted: all.filter(isPasted) }
}

export type Session = {
  /** Answers 200; stands for who listens on port 9099. */
  receiver: Receiver
  /** Of the service; throws if none was started. */
  url(): string
  /** The port that a page means by `port`. */
  portOf(port: number): number
  /** Starts the service, unless it runs. */
  start(): Promise<void>
  /** A fresh shell: nothing that a page before has set is known in it. */
  openTerminal(): void
  terminal(): Shell
  paste(block: Block): Promise<void>
  close(): Promise<void>
}

/** `databaseUrl`: the PostgreSQL of somebody's own. */
export async function openSession(databaseUrl: () => string): Promise<Session> {
  const checkout: Checkout = makeCheckout()
  const receiver = await startReceiver()
  const broker: Broker = await startBroker()
  const store: Store = await startStore('fauxqs')
  await store.createBucket('company-events')
  const sendgrid: SendGrid = await startSendGrid()
  const ports = new Map([
    [9099, receiver.port],
    [9101, await freePort()],
  ])
  let shell: Shell | undefined
  let running: Running | undefined
  let printed = ''
  let queueUrl: string | undefined

  const url = () => {
    if (!running) throw new Error('No block has started the service.')
    return running.url
  }
  const terminal = () => {
    if (!shell) throw new Error('No terminal is open.')
    return shell
  }

  /** Of a terminal that knows nothing of the tests' own database. */
  function environment(): NodeJS.ProcessEnv {
    const { PATH, HOME } = process.env
    return {
      PATH,
      HOME,
      PORT: '0',
      AWS_ENDPOINT_URL_S3: store.endpoint,
      MILLRACE_SENDGRID_URL: sendgrid.url,
      ...(running ? { MILLRACE_URL: running.url } : {}),
    }
  }

  /** A block with the addresses and keys of this machine. */
  function localized(text: string): string {
    const queue = 'https://sqs.eu-west-1.amazonaws.com/123456789012/customers'
    if (text.includes(queue)) queueUrl ??= broker.createQueue('customers')
    const replacements = [
      ['http://127.0.0.1:8080', running?.url ?? 'no service'],
      ...[...ports].map(([port, here]) => [String(port), String(here)]),
      ['postgres://user:password@host/database', databaseUrl()],
      [queue, queueUrl ?? ''],
      ['AKIAIOSFODNN7EXAMPLE', keys.accessKeyId],
      ['wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', keys.secretAccessKey],
      ['SG.a-key-of-sendgrid', sendgrid.key],
    ] as [string, string][]
    return replacements.reduce((local, [shown, here]) => local.replaceAll(shown, here), text)
  }

  async function paste(block: Block): Promise<void> {
    const text = localized(block.text)
    if (block.language === 'json') {
      const fields = Object.keys(JSON.parse(block.text))
      // What the command before it has printed.
      if (block.before) expect(Object.keys(JSON.parse(printed))).toEqual(fields)
    } else if (FILES.includes(block.language)) {
      const [, name] = /^(?:\/\/|#) (\S+)$/m.exec(text.split('\n')[0] as string) ?? []
      if (!name) throw new Error('The first line does not name the file.')
      writeFileSync(path.join(checkout.directory, name), `${text}\n`)
    } else if (block.language === 'sql') {
      await query(databaseOfCheckout(), text)
    } else if (/\bmake run$/.test(block.text)) {
      const started = await checkout.start(text, environment())
      if (running) return started.stop()
      running = started
      openTerminal()
    } else if (block.text.includes('pg_dump ')) {
      await onDumpServer(text)
    } else {
      printed = await terminal().run(text)
    }
  }

  const databaseOfCheckout = () =>
    'postgres://postgres@/postgres?host=' +
    encodeURIComponent(`${checkout.directory}/.millrace/run`)

  function openTerminal(): void {
    shell?.close()
    shell = startShell(checkout.directory, environment())
  }

  async function onDumpServer(text: string): Promise<void> {
    const bin = pgDumpAt as string
    const server = await startDumpServer(bin)
    const own = startShell(checkout.directory, {
      ...environment(),
      PATH: `${bin}:${process.env['PATH']}`,
      DATABASE_URL: server.url,
    })
    try {
      await own.run(text)
    } finally {
      own.close()
      await server.stop()
    }
  }

  return {
    receiver,
    url,
    portOf: (port) => ports.get(port) as number,
    async start() {
      running ??= await checkout.start('make run', environment())
    },
    openTerminal,
    terminal,
    paste,
    async close() {
      shell?.close()
      await running?.stop()
      await Promise.all([receiver.close(), broker.close(), store.close(), sendgrid.close()])
      checkout.remove()
    },
  }
}
