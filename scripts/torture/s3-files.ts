// The checks of an integration's files. Each event is in exactly one of them, to the byte, in the
// order of the log within and across files. The store holds exactly the files that the manifest
// calls finished, and no unfinished upload.

import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import {
  GetObjectCommand,
  ListMultipartUploadsCommand,
  paginateListObjectsV2,
  type S3Client,
} from '@aws-sdk/client-s3'
import type { Findings } from '../kit/findings.ts'
import { NAMES, payloadOf, TENANT } from './event.ts'
import type { Journal } from './journal.ts'
import type { Ledger } from './ledger.ts'
import type { Session } from './session.ts'

type Evidence = {
  client: S3Client
  bucket: string
  session: Session
  ledger: Ledger
  journal: Journal
  findings: Findings
}

type FileRow = {
  key: string
  state: string
  events: number
  bytes: number
  sha256: string
  first_position: number
  last_position: number
}

/** Reads the files of an integration into its ledger, and reports their faults. */
export async function collectFiles(evidence: Evidence): Promise<Record<string, number>> {
  const { client, bucket: Bucket, session, ledger, findings } = evidence
  const rows = await session.ask<FileRow>(
    `select key, state, events, bytes, encode(sha256, 'hex') as sha256, first_position,
       last_position
     from export_file
     where tenant = $1 and consumer = $2
     order by to_position`,
    [TENANT, ledger.id],
  )
  if (!rows) throw new Error('The database did not answer: export_file')
  const finished = rows.filter(({ state }) => state === 'finished')
  for (const { key, state } of rows) {
    if (state === 'open') findings.broke('file left open', `${ledger.id} has ${key}`)
  }
  const known = new Set(finished.map(({ key }) => key))
  for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket })) {
    for (const { Key = '' } of Contents) {
      if (!known.has(Key)) findings.broke('file unknown', `${ledger.id} has ${Key} in its bucket`)
    }
  }
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }))
  for (const { Key } of Uploads) findings.broke('upload left', `${ledger.id} has one of ${Key}`)

  const seen = new Set<number>()
  let newest = 0
  let inParts = 0
  for (const file of finished) {
    const object = await client
      .send(new GetObjectCommand({ Bucket, Key: file.key }))
      .catch(() => {})
    if (!object?.Body) {
      findings.broke('file missing', `${ledger.id} has no ${file.key}`)
      continue
    }
    const stored = Buffer.from(await object.Body.transformToByteArray())
    const sha256 = createHash('sha256').update(stored).digest('hex')
    const text = object.ContentEncoding === 'gzip' ? gunzipSync(stored) : stored
    const lines = text.toString().split('\n')
    const isWhole = lines.pop() === '' && lines.length === file.events
    if (!isWhole || sha256 !== file.sha256 || stored.length !== file.bytes) {
      findings.broke('file differs', `${file.key} of ${ledger.id} is not what is written of it`)
    }
    for (const line of lines) look(line, file)
    // The ETag of an object uploaded in parts ends with their number.
    if (/-\d+"?$/.test(object.ETag ?? '')) inParts++
  }
  return { files: finished.length, '  uploaded in parts': inParts }

  function look(line: string, { key, first_position, last_position }: FileRow): void {
    const event = eventOf(line, evidence)
    if (!event || seen.has(event.serial)) {
      const what = event ? `event ${event.serial}` : line.slice(0, 200)
      findings.broke(event ? 'twice in files' : 'altered', `${key} of ${ledger.id} has ${what}`)
      return
    }
    const { serial, position } = event
    seen.add(serial)
    if (position <= newest || position < first_position || position > last_position) {
      findings.broke('file out of order', `event ${serial} at ${position} in ${key}`)
    }
    newest = position
    ledger.arrive(serial, position)
    ledger.pass(serial, 'taken')
  }
}

/** The event of a line; undefined if nobody published such an event. */
function eventOf(
  line: string,
  { journal }: Evidence,
): { serial: number; position: number } | undefined {
  const serial = Number(/"payload":\{"serial":(\d+),/.exec(line)?.[1] ?? journal.size)
  if (serial >= journal.size) return undefined
  const position = journal.positionOf(serial)
  const time = new Date(Math.floor(position / 1000)).toISOString().slice(0, -1)
  const publishedAt = `${time}${String(position % 1000).padStart(3, '0')}Z`
  const name = NAMES[journal.nameOf(serial)]
  const head = `{"tenant":"${TENANT}","name":"${name}","published_at":"${publishedAt}"`
  const wanted = `${head},"payload":${payloadOf(serial)}}`
  return line === wanted ? { serial, position } : undefined
}
