// Webhooks as a destination under torture: a receiver whose faults follow the seed.

import type http from 'node:http'
import type { Socket } from 'node:net'
import { createBodyServer, listen } from '../kit/listen.ts'
import { type CurtMood, collectFailures, isCurt, prepareCurtly } from './curt.ts'
import type { Character, Destination, Plan, TargetOptions } from './destination.ts'
import { NAMES, OTHER_TENANT, payloadOf, serialOf, tenantOf } from './event.ts'
import { createMoods, type Phase } from './moods.ts'
import { ANSWERED_NAME } from './names.ts'

/** The mood of a receiver for a while. */
type Mood = 'well' | 'slow' | 'failing' | 'resetting' | 'throttling' | 'silent' | CurtMood

const MOODS: Record<Character, Phase<Mood>[]> = {
  steady: [
    { mood: 'well', lastsMs: [1_000, 5_000] },
    { mood: 'slow', lastsMs: [200, 800], slowMs: [1, 10] },
  ],
  flaky: [
    { mood: 'well', lastsMs: [500, 2_000] },
    { mood: 'slow', lastsMs: [200, 800], slowMs: [5, 60] },
    { mood: 'failing', lastsMs: [50, 500] },
    { mood: 'resetting', lastsMs: [50, 400] },
    { mood: 'throttling', lastsMs: [50, 200] },
    { mood: 'silent', lastsMs: [20, 100] },
  ],
  curt: [
    { mood: 'well', lastsMs: [100, 300] },
    { mood: 'closing', lastsMs: [200, 1_000] },
    { mood: 'resetting after the answer', lastsMs: [200, 1_000] },
    { mood: 'continuing', lastsMs: [200, 1_000] },
  ],
  picky: [{ mood: 'well', lastsMs: [60_000, 60_000] }],
}

/**
 * A picky target rejects events in blocks of serials at their first arrival: so several are
 * rejected at once, and more than one meets the limit.
 */
const isRejected = (serial: number) => Math.floor(serial / 32) % 8 === 0

/** The part of answers after which a target with a name hangs up, so that it is looked up again. */
const HANGS_UP = 0.1

/**
 * A flaky target fails on some events again and again, as a bug would: they hold up the stream,
 * until they are skipped or their failures are over.
 */
const isPoison = (serial: number) => serial % 16 === 5
const POISON_FAILURES = 6
/** It answers them after a while, so that a skip may meet them in flight. */
const POISON_MS = [20, 200] as const

const PLANS: Plan[] = [
  { id: 'all', character: 'steady', isWatched: true },
  {
    id: 'strict',
    character: 'steady',
    filter: { entity_filter: ['customer'] },
    delivery: { max_in_flight: 1 },
    isWatched: true,
  },
  { id: 'flaky', character: 'flaky', filter: { entity_filter: ['return'] }, mayStop: true },
  { id: 'picky', character: 'picky', filter: { entity_filter: ['invoice'] } },
  {
    id: 'toggled',
    character: 'steady',
    filter: { event_filter: ['order.created', 'order.opened'] },
    mayStop: true,
  },
  { id: 'curt', character: 'curt', filter: { event_filter: ['order.completed'] } },
  { id: 'other', character: 'steady', tenant: OTHER_TENANT, isNamed: true },
]

export const webhook: Destination = {
  name: 'webhook',
  plans: PLANS,
  async startTarget(options) {
    const moodOf = createMoods<Mood>(options.chance, MOODS[options.character])
    /** Later requests on these are ignored. */
    const hungUp = new WeakSet<Socket>()
    /** By serial: how often it has failed. */
    const poisoned = new Map<number, number>()
    let isHealed = false
    const server = createBodyServer((request, body, response) => {
      if (hungUp.has(request.socket)) return
      const serial = receive(options, request, body.toString())
      if (serial === undefined) response.writeHead(204).end()
      else if (isPoisoned(serial)) {
        setTimeout(() => answer(serial, response), chance.whole(...POISON_MS))
      } else answer(serial, response)
    })
    const port = await listen(server)
    const { ledger, character, chance, isNamed } = options
    const host = isNamed ? ANSWERED_NAME : '127.0.0.1'

    function isPoisoned(serial: number): boolean {
      return character === 'flaky' && isPoison(serial) && !isHealed
    }

    function answer(serial: number, response: http.ServerResponse): void {
      const isFirst = !ledger.isPassed(serial)
      if (character === 'picky' && isFirst && isRejected(serial) && !isHealed) {
        ledger.pass(serial, 'rejected')
        response.writeHead(400).end('{"error":"not this one"}')
        return
      }
      const failures = poisoned.get(serial) ?? 0
      if (isPoisoned(serial) && failures < POISON_FAILURES) {
        poisoned.set(serial, failures + 1)
        response.writeHead(500).end('a bug')
        return
      }
      const take = () => {
        ledger.pass(serial, 'taken')
        if (isNamed && chance.happens(HANGS_UP)) response.setHeader('connection', 'close')
        response.end()
      }
      const { mood, slowMs } = isHealed ? { mood: 'well' as const, slowMs: undefined } : moodOf()
      // Not every request of a bad phase fails, so that some of a batch are accepted and some are
      // not.
      const isSpared = mood !== 'well' && mood !== 'slow' && chance.happens(0.3)
      if (mood === 'well' || isSpared) take()
      else if (isCurt(mood)) {
        if (mood !== 'continuing') hungUp.add(response.socket as Socket)
        prepareCurtly(mood, response)
        take()
      } else if (mood === 'slow') setTimeout(take, chance.whole(...(slowMs ?? [1, 1])))
      else if (mood === 'failing') response.writeHead(500).end('down')
      else if (mood === 'resetting') response.socket?.resetAndDestroy()
      else if (mood === 'throttling') response.writeHead(429, { 'retry-after': '1' }).end()
      // Silent: never answered; the sender gives up.
    }

    return {
      parameters: (version) => ({
        callback_parameters: { callback_url: `http://${host}:${port}/${version}` },
      }),
      heal() {
        isHealed = true
      },
      check: async () => {},
      ...(character === 'curt' || isNamed
        ? { collect: (session) => collectFailures(session, options) }
        : {}),
      close: () =>
        new Promise((resolve) => {
          server.close(() => resolve())
          server.closeAllConnections()
        }),
    }
  },
}

/** Notes a request's event in the ledger; undefined if nobody published such an event. */
function receive(
  { ledger, journal, findings }: TargetOptions,
  { headers }: http.IncomingMessage,
  body: string,
): number | undefined {
  const serial = serialOf(String(headers['idempotency-key']))
  if (serial === undefined || serial >= journal.size) {
    findings.broke('delivered but never published', `${ledger.id} received ${body.slice(0, 200)}`)
    return undefined
  }
  const name = NAMES[journal.nameOf(serial)]
  const tenant = tenantOf(journal.entityOf(serial))
  const isWhole =
    body.startsWith(`{"tenant":"${tenant}","name":"${name}"`) &&
    body.endsWith(`,"payload":${payloadOf(serial)}}`)
  if (!isWhole) findings.broke('altered', `${ledger.id} received ${body.slice(0, 200)}`)
  ledger.arrive(serial, Number(headers['millrace-position']))
  return serial
}
