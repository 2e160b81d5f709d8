// Bulk publishers: bodies of many lines, some of which must be refused, sent slowly enough to be
// hit by harm. A body whose answer breaks off is sent again, whole, until each of its lines has an
// answer. The order of the lines is the order of publishing.

import type { ClientRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { sendLines } from '../kit/bulk.ts'
import type { Chance } from '../kit/chance.ts'
import { keyOf, NAMES, nameOfRoll, payloadOf, tenantOf } from './event.ts'
import { type Entities, type Publisher, type PublisherServices, pickEntity } from './publisher.ts'

const LINES = [1, 120] as const
/** The share of lines that must be refused. */
const WRONG = 0.02
/** The share of bodies that come in pieces, how many lines each has, and the pause between. */
const IN_PIECES = 0.5
const PIECE_LINES = 10
const PIECE_MS = [1, 40] as const
const REPEAT_MS = [20, 120] as const
const THINK_MS = [0, 1_000] as const
/** A server may be frozen. */
const SILENT_MS = 2_500
/** Errors after which a line is to be sent again. */
const PASSING = ['unavailable', 'overloaded', 'internal_error']

/** A line, and its event in the journal; undefined: it must be refused. */
type Line = { text: string; serial: number | undefined }

export function createBulkPublisher(
  { client, journal, findings }: PublisherServices,
  chance: Chance,
  entities: Entities,
): Publisher {
  return {
    async next() {
      const tenant = tenantOf(pickEntity(chance, entities))
      const lines = Array.from({ length: chance.whole(...LINES) }, () => lineFor(tenant))
      const isInPieces = chance.happens(IN_PIECES)
      for (
        let pick = chance.whole(0, 1);
        !(await isAnswered(lines, tenant, pick, isInPieces));
        pick++
      ) {
        journal.counts.repeated++
        await sleep(chance.whole(...REPEAT_MS))
      }
      await sleep(chance.whole(...THINK_MS))
      return lines.length
    },
    close: async () => {},
  }

  function lineFor(tenant: string): Line {
    if (chance.happens(WRONG)) return { text: wrongLine(), serial: undefined }
    let entity = pickEntity(chance, entities)
    while (tenantOf(entity) !== tenant) entity = pickEntity(chance, entities)
    const serial = journal.begin(entity, nameOfRoll(chance.whole(0, 99)))
    const name = NAMES[journal.nameOf(serial)]
    const head = { name, entity_id: `e${entity}`, idempotency_key: keyOf(serial) }
    const text = `${JSON.stringify(head).slice(0, -1)},"payload":${payloadOf(serial)}}\n`
    return { text, serial }
  }

  /** Its key begins with x, and is not in the log. */
  function wrongLine(): string {
    const head = `"entity_id":"order-refused","idempotency_key":"x${chance.uuid()}"`
    return chance.pick([
      `{"name":"order.created",${head},"payload":[]}\n`,
      `{"name":"order",${head},"payload":{}}\n`,
      `{"name":"order.created",${head},"tenant":"nobody","payload":{}}\n`,
      `{"name":"order.created",${head},"payload":{}\n`,
      '\n',
    ])
  }

  /** Sends a body once; returns whether each of its lines has its answer. */
  async function isAnswered(
    lines: Line[],
    tenant: string,
    pick: number,
    isInPieces: boolean,
  ): Promise<boolean> {
    const url = client.urlOf(pick)
    if (url === undefined) return false
    let answered = 0
    let hasFailed = false
    let request: ClientRequest | undefined
    const silence = setTimeout(() => request?.destroy(), SILENT_MS)
    const result = await sendLines(isInPieces ? pieces(lines, silence) : texts(lines), {
      url,
      headers: { tenant, team: 'team-torture', service: 'torture' },
      onRequest: (opened) => {
        request = opened
      },
      onAnswer(line) {
        silence.refresh()
        hasFailed ||= !take(lines[answered++], JSON.parse(line))
      },
    }).catch(() => undefined)
    clearTimeout(silence)
    if (!result || result.status === 503) return false
    if (result.status !== 200) findings.broke('refused', `a bulk body: ${result.status}`)
    if (result.isWhole && (hasFailed || answered !== lines.length)) {
      findings.broke('refused', `a bulk body of ${lines.length} lines ended after ${answered}`)
    }
    return result.isWhole && !hasFailed
  }

  /** Returns whether the answer to a line is its last one. */
  function take(line: Line | undefined, answer: Record<string, unknown>): boolean {
    const { code } = (answer['error'] ?? {}) as { code?: string }
    if (code !== undefined && PASSING.includes(code)) return false
    const { serial } = line ?? {}
    if (serial === undefined) {
      if (code === undefined) findings.broke('not refused', `a line: ${JSON.stringify(answer)}`)
      else journal.counts.refused++
    } else if (code !== undefined) {
      findings.broke('refused', `event ${serial} in bulk: ${JSON.stringify(answer)}`)
    } else journal.answered(serial, Number(answer['position']))
    return true
  }

  async function* pieces(lines: Line[], silence: NodeJS.Timeout): AsyncIterable<string> {
    for (let from = 0; from < lines.length; from += PIECE_LINES) {
      yield* texts(lines.slice(from, from + PIECE_LINES))
      yield ''
      silence.refresh()
      await sleep(chance.whole(...PIECE_MS))
    }
  }
}

const texts = (lines: Line[]) => lines.map(({ text }) => text)
