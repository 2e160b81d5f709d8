// A name server that knows one name and is silent about every other, and a tenant that sends to
// unknown names all the time: nobody else may notice. Its integrations are stopped and started
// again, so that they forget their failures: otherwise their retries would end after a minute.

import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EVENTSTREAM } from '../kit/client.ts'
import type { Findings } from '../kit/findings.ts'
import { type NameServer, startNameServer } from '../kit/name-server.ts'
import type { Client } from './client.ts'

/** Resolves to 127.0.0.1. */
export const ANSWERED_NAME = 'answered.torture.test'
export const SILENT_TENANT = 'torture-silent'

const INTEGRATIONS = 6
const EVERY_MS = 500
const RESTART_MS = 5_000
/** A stop waits for a request that waits for its name. */
const STOP_MS = 10_000

/** It answers for one name. */
export const startNames = (): Promise<NameServer> =>
  startNameServer({ [ANSWERED_NAME]: ['127.0.0.1'] })

/** The environment of a process that uses it. */
export function environmentOf({ environment }: NameServer): Record<string, string> {
  const preload = path.join(import.meta.dirname, 'held-lookup.ts')
  return { ...environment, NODE_OPTIONS: `${environment.NODE_OPTIONS} --import ${preload}` }
}

/** Registers the tenant's integrations, and publishes and restarts them until `isOver`. */
export async function sendToSilence(
  { client, findings }: { client: Client; findings: Findings },
  isOver: () => boolean,
): Promise<void> {
  const ids = Array.from({ length: INTEGRATIONS }, (_, index) => `silent-${index}`)
  for (const id of ids) {
    const document = {
      id,
      integration_type: 'permanent',
      callback_parameters: { callback_url: `http://${id}.torture.test:9/` },
    }
    const { status } = await client.configure('POST', '', document, SILENT_TENANT)
    // 409: the first try was carried out, and its answer lost.
    if (status !== 200 && status !== 409) findings.broke('not registered', `${id}: ${status}`)
  }
  await Promise.all([publish(client, isOver), ...ids.map((id) => restart(client, id, isOver))])
}

async function publish(client: Client, isOver: () => boolean): Promise<void> {
  for (let serial = 0; !isOver(); serial++) {
    const headers = {
      tenant: SILENT_TENANT,
      team: 'team-torture',
      service: 'torture',
      'entity-id': `e${serial}`,
      'idempotency-key': `silent-${serial}`,
    }
    await client.send('/events/order.created', { headers, body: '{}', pick: serial })
    await sleep(EVERY_MS)
  }
}

/** Whether an answer came does not matter: the next turn tries again. */
async function restart(client: Client, id: string, isOver: () => boolean): Promise<void> {
  for (let turn = 0; !isOver(); turn++) {
    await sleep(RESTART_MS)
    for (const action of ['_stop', '_start']) {
      const path = `${EVENTSTREAM}/${id}/${action}`
      const headers = { tenant: SILENT_TENANT }
      await client.send(path, { headers, timeoutMs: STOP_MS, pick: turn })
    }
  }
}
