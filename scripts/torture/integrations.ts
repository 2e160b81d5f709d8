// The integrations of a torture run, one of each character for each kind of destination, and their
// API calls: stops, starts, updates, replays, retries of rejected events.

import { setTimeout as sleep } from 'node:timers/promises'
import { limits } from '../../src/config.ts'
import type { Chance } from '../kit/chance.ts'
import type { Findings } from '../kit/findings.ts'
import type { Client } from './client.ts'
import type { Character, Destination, Plan, Target } from './destination.ts'
import type { Filter } from './event.ts'
import type { HarmLog } from './harm-log.ts'
import type { Journal } from './journal.ts'
import { createLedger, type Ledger } from './ledger.ts'

/** The two filters between which `toggled` alternates; each includes the first one. */
const FILTERS: Filter[] = [
  { event_filter: ['order.created', 'order.opened'] },
  { event_filter: ['order.created', 'order.opened'], entity_filter: ['customer'] },
]

export type Integration = Plan & { id: string; ledger: Ledger; target: Target; version: number }
export type Replay = {
  id: string
  character: Character
  ledger: Ledger
  target: Target
  from: number
  through: number
  /** Of a replay beside a live stream; undefined: it is a temporary integration. */
  number?: number
  isCancelled?: boolean
}

export const watchedCount = (kinds: Destination[]): number =>
  kinds.flatMap(({ plans }) => plans).filter((plan) => plan.isWatched).length

export type IntegrationServices = {
  client: Client
  chance: Chance
  journal: Journal
  findings: Findings
  harmLog: HarmLog
}

/** Starts a target for each plan and registers it. */
export async function startIntegrations(
  kinds: Destination[],
  services: IntegrationServices,
): Promise<Integration[]> {
  const integrations: Integration[] = []
  let watched = 0
  for (const kind of kinds) {
    for (const plan of kind.plans) {
      const id = `${kind.name}-${plan.id}`
      const { tenant } = plan
      const watch = plan.isWatched ? { watched: watched++ } : {}
      const own = { ...services, ...watch, ...(tenant ? { tenant } : {}) }
      const ledger = createLedger(id, plan.filter, own)
      const target = await kind.startTarget({ ...services, ...plan, ledger })
      await register(services, id, { integration_type: 'permanent' }, plan, target)
      integrations.push({ ...plan, id, ledger, target, version: 0 })
    }
  }
  return integrations
}

/** Registers an integration; a first try without an answer may have done it. */
export async function register(
  { client, findings }: IntegrationServices,
  id: string,
  kind: Record<string, unknown>,
  plan: Pick<Plan, 'filter' | 'delivery' | 'tenant'>,
  target: Target,
): Promise<void> {
  const { filter, delivery } = plan
  const document = {
    id,
    ...kind,
    ...target.parameters(0),
    ...(filter ? { filter_conditions: filter } : {}),
    ...(delivery ? { delivery } : {}),
  }
  const { status, body } = await client.configure('POST', '', document, plan.tenant)
  // 409: the first try was carried out, and its answer lost.
  if (status !== 200 && status !== 409) {
    findings.broke('not registered', `${id}: ${status} ${JSON.stringify(body)}`)
  }
}

/**
 * Stops an integration, waits for `stopped` and then for `pauseMs`, updates it if requested, and
 * starts it again.
 */
export async function stopAndStart(
  { client, findings }: IntegrationServices,
  integration: Integration,
  { pauseMs, isUpdate }: { pauseMs: number; isUpdate: boolean },
): Promise<void> {
  const { id, ledger, target } = integration
  await stop(client, id)
  ledger.stopAnswered()
  await sleep(pauseMs)
  if (isUpdate) {
    integration.version++
    const filter = FILTERS[integration.version % FILTERS.length]
    ledger.useFilter(filter)
    const changes = { ...target.parameters(integration.version), filter_conditions: filter }
    let { status, body } = await client.configure('PATCH', `/${id}`, changes)
    // The first try of the previous start was only late, and has started it.
    while (status === 400 && String(body['message']).startsWith('status is running')) {
      await stop(client, id)
      ;({ status, body } = await client.configure('PATCH', `/${id}`, changes))
    }
    if (status !== 200) findings.broke('not updated', `${id}: ${JSON.stringify(body)}`)
  }
  ledger.startAsked()
  await client.configure('POST', `/${id}/_start`)
}

/** Stops an integration and waits until it has stopped. */
export async function stop(client: Client, id: string): Promise<void> {
  let { body } = await client.configure('POST', `/${id}/_stop`)
  while (body['status'] === 'running') {
    await sleep(100)
    ;({ body } = await client.configure('GET', `/${id}`))
  }
}

/** Whether the tenant has room for one more, even while another is being registered. */
export async function hasRoom({ client }: IntegrationServices): Promise<boolean> {
  const { body } = await client.configure('GET', '')
  return (body['integrations'] as unknown[]).length < limits.integrationsPerTenant - 1
}

/** Registers a replay of the time between two moments (ms), the last of which may lie ahead. */
export async function startReplay(
  kind: Destination,
  services: IntegrationServices,
  replay: { id: string; character: Character; fromMs: number; untilMs: number },
): Promise<Replay> {
  const { id, character, fromMs, untilMs } = replay
  const ledger = createLedger(id, undefined, services)
  const target = await kind.startTarget({ ...services, ledger, character })
  const range = {
    starts_at: new Date(fromMs).toISOString(),
    ends_at: new Date(untilMs).toISOString(),
  }
  await register(services, id, { integration_type: 'temporary', ...range }, {}, target)
  return { id, character, ledger, target, from: fromMs * 1000, through: untilMs * 1000 }
}

/**
 * If the limit of rejected events has stopped an integration: makes room, or does not, and starts
 * it. Without room the next rejection stops it again, and that may lose nothing. A replay that
 * waits for its rejected events at its end is stopped, too: a retry completes it.
 */
export async function relieve(
  { client, chance }: IntegrationServices,
  { id, character, tenant }: Pick<Plan, 'id' | 'character' | 'tenant'>,
): Promise<void> {
  const { body } = await client.configure('GET', `/${id}`, undefined, tenant)
  if (body['status'] !== 'stopped') return
  const makesRoom = character === 'picky' && chance.happens(0.7)
  const act = (action: string) => client.configure('POST', `/${id}${action}`, undefined, tenant)
  if (makesRoom) await act('/rejected_events/_retry')
  await act('/_start')
}
