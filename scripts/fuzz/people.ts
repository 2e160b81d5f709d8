// Creates the tenants of a block with their API keys, and collects ids from answers.

import type { Chance } from '../kit/chance.ts'
import type { Outcome } from './stored.ts'
import type { Key, Tenant } from './tenant.ts'

const KEYS = '/api/v1/api-keys'
const INTEGRATIONS = '/api/v1/org/integrations/eventstream'

/** Requests a change with the admin token; throws unless it succeeds. */
export type Operate = (
  method: string,
  path: string,
  body?: object,
  headers?: Record<string, string>,
) => Promise<Record<string, unknown>>

/** New tenants, named after the seed and their number. Each has a stopped integration. */
export async function makeTenants(
  count: number,
  chance: Chance,
  operate: Operate,
): Promise<Tenant[]> {
  const tenants: Tenant[] = []
  for (let i = 0; i < count; i++) {
    const name = `fz${chance.uuid().slice(0, 8)}`
    const makeKey = async (scopes: string[]) => {
      const made = await operate('POST', KEYS, { name, tenants: [name], scopes })
      return made as unknown as Key
    }
    const keys = {
      whole: await makeKey(['admin', 'publish']),
      narrow: await makeKey(['read']),
      revoked: await makeKey(['admin']),
    }
    await operate('DELETE', `${KEYS}/${keys.revoked.id}`)
    const stopped = await makeStopped(name, operate)
    tenants.push({ name, ids: new Map(), keys, stopped, rejected: [] })
  }
  return tenants
}

/**
 * An integration that can be updated, and whose replays wait: requests alone leave few that are
 * stopped and permanent.
 */
async function makeStopped(tenant: string, operate: Operate): Promise<string> {
  const callback_parameters = { callback_url: 'http://nobody.fuzz.test/' }
  const body = { id: `${tenant}-stopped`, integration_type: 'permanent', callback_parameters }
  await operate('POST', INTEGRATIONS, body, { tenant })
  await operate('POST', `${INTEGRATIONS}/${body.id}/_stop`, undefined, { tenant })
  const range = { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' }
  for (let number = 1; number <= WAITING_REPLAYS; number++) {
    await operate('POST', `${INTEGRATIONS}/${body.id}/replays`, range, { tenant })
  }
  return body.id
}

/** They have the numbers from 1 on. */
export const WAITING_REPLAYS = 5

/** The id in an answer's body for each parameter of a path. */
const ANSWERED: Record<string, [parameter: string, field: string]> = {
  registerIntegration: ['integration_id', 'id'],
  createApiKey: ['key_id', 'id'],
  createJob: ['job_id', 'id'],
  createEvent: ['eventId', 'id'],
  createEventSubscription: ['Id', 'id'],
  startReplay: ['number', 'number'],
  startSubscriptionReplay: ['number', 'number'],
}

/** Whether an operation creates something that others name. (Tenants may share names of types.) */
export const makes = (operation: string): boolean =>
  operation in ANSWERED || operation === 'registerEventType'

/** Adds the id in a success to those of its tenant. */
export function harvest({ request, answer }: Outcome): void {
  const answered = ANSWERED[request.operation.id]
  const { caller, tenant, method, operation } = request
  if (!answered || !answer || answer.status > 201 || method !== operation.method) return
  if (caller.tenants.join() !== tenant.name) return
  const [parameter, field] = answered
  const id = JSON.parse(answer.body.toString())[field]
  // The answer of another operation, if the path or the method was another.
  if (['string', 'number'].includes(typeof id)) addId(tenant, parameter, String(id))
}

/** A few of each are enough, and the newest are the most likely to exist. */
export function addId({ ids }: Tenant, parameter: string, id: string): void {
  ids.set(parameter, [...(ids.get(parameter) ?? []), id].slice(-5))
}
