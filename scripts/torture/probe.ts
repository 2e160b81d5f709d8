// Checks that every server accepts events soon after a harm that stopped all of them: one event
// through each, timed. Other publishers would hide a failure: they go to the next server.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Findings } from '../kit/findings.ts'
import type { Client } from './client.ts'
import type { HarmLog } from './harm-log.ts'
import type { Journal } from './journal.ts'
import { requestOf } from './publishers.ts'
import type { HarmKind } from './schedule.ts'

/** The time in which publishing must be back, ms; and the time if other harm comes as well. */
const BACK_MS = 10_000
const PATIENCE_MS = 60_000
const REPEAT_MS = 50

type Services = { client: Client; journal: Journal; findings: Findings; harmLog: HarmLog }

/** Entities of the probes: one for each server. */
export const PROBED_ENTITIES = 2

/** Publishes one event through each server. Failing within 10 s, undisturbed, is a finding. */
export async function probePublishing(kind: HarmKind, services: Services): Promise<void> {
  const { client, journal, findings, harmLog } = services
  const from = Date.now()
  await Promise.all(Array.from({ length: PROBED_ENTITIES }, (_, server) => probe(server)))

  async function probe(server: number): Promise<void> {
    const serial = journal.begin(server, 0)
    const { path, headers, body } = requestOf(journal, serial)
    for (let isReported = false; ; ) {
      const answer = await client.send(path, { headers, body, pick: server })
      if (answer?.status === 201) return journal.answered(serial, Number(answer.body['position']))
      const ms = Date.now() - from
      const isLate = ms > BACK_MS && !harmLog.wasDisturbed(kind, from, Date.now())
      if (!isReported && (isLate || ms > PATIENCE_MS)) {
        isReported = true
        const said = answer ? `${answer.status} ${JSON.stringify(answer.body)}` : 'no answer'
        findings.broke('not publishing again', `${ms} ms after ${kind}: ${said}`)
      }
      if (ms > PATIENCE_MS) return
      await sleep(REPEAT_MS)
    }
  }
}
