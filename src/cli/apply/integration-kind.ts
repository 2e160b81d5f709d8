// Integrations in a tenant file. The service changes only a stopped one: one that runs is stopped,
// changed, and started again.

import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { Type } from 'typebox'
import { pick, type Tree } from '../../input/tree.ts'
import {
  Delivery,
  deliveryLimits,
  IntegrationId,
  NewIntegration,
} from '../../integration/integration.ts'
import { removable, withoutRemovals } from '../../integration/removal.ts'
import { S3Parameters } from '../../integration/s3.ts'
import type { ServiceClient } from '../client.ts'
import { INTEGRATIONS, pathOfStream } from '../stream.ts'
import type { EntryChange, EntryKind, FoundEntry } from './kind.ts'
import { changeVersion, readVersion } from './requests.ts'

/** A request in flight may take as long as its time limit. */
const STOP_MS = 320_000
const POLL_MS = 200
const TARGETS = ['callback_parameters', 's3_parameters']

const pathOf = (id: string) => pathOfStream(INTEGRATIONS, id)
const { callback_parameters, filter_conditions, starts_at } = NewIntegration.properties
/** Null takes a setting away, unless it is a secret: of that nobody knows whether it is there. */
const s3Settings = removable(S3Parameters.properties, 's3_parameters.')
const deliverySettings = {
  ...Delivery.properties,
  ...removable(deliveryLimits, 'delivery.'),
}

type Shown = Tree & { status: string; integration_type: string }

/** Temporary integrations are acts, which a file cannot describe: they are not among these. */
export const integrationKind: EntryKind = {
  section: 'integrations',
  noun: 'integration',
  idField: 'id',
  schema: {
    type: 'object',
    required: ['id'],
    additionalProperties: false,
    properties: {
      id: IntegrationId,
      integration_type: { enum: ['permanent'] },
      status: { enum: ['running', 'stopped'] },
      starts_at,
      ...removable({ filter_conditions }, ''),
      callback_parameters,
      s3_parameters: Type.Object(s3Settings, { additionalProperties: false }),
      delivery: Type.Object(deliverySettings, { additionalProperties: false }),
    },
  },
  whole: ['filter_conditions', 'delivery.headers'],
  fixed: ['starts_at'],
  secrets: [
    { field: 'callback_parameters.api_key', shows: 'nothing', target: 'callback_parameters' },
    { field: 's3_parameters.aws_access_key_id', shows: 'nothing', target: 's3_parameters' },
    { field: 's3_parameters.aws_secret_access_key', shows: 'nothing', target: 's3_parameters' },
    { field: 'delivery.headers', shows: 'names', target: 'callback_parameters' },
    { field: 'delivery.signing_secret', shows: 'whether', target: undefined },
  ],
  // A start belongs to the moment of the registration: elsewhere it would send what is long past.
  unwritten: [['integration_type'], ['starts_at'], ['status', 'running']],
  async list(client) {
    const { integrations } = (await client.call('GET', INTEGRATIONS.path)) as {
      integrations: Shown[]
    }
    return integrations.filter((one) => one.integration_type === 'permanent').map(treeOf)
  },
  async find(client, id) {
    const found = await readVersion(client, pathOf(id))
    return found && { tree: treeOf(found.body as Shown), etag: found.etag }
  },
  refusal(current, desired) {
    if (current['integration_type'] === 'temporary') {
      return 'is a temporary one, which has an end of its own: choose another id'
    }
    const other = TARGETS.find((field) => desired[field] && !current[field])
    return other && `has another kind of target, and cannot get ${other}: delete it first`
  },
  async add(client, { status, ...desired }) {
    const { body } = withoutRemovals({ integration_type: 'permanent', ...desired })
    await client.call('POST', INTEGRATIONS.path, body)
    if (status === 'stopped') await client.call('POST', `${pathOf(desired['id'] as string)}/_stop`)
  },
  change: changeIntegration,
  async remove(client, id, etag) {
    await changeVersion(client, { method: 'DELETE', path: pathOf(id), etag })
  },
}

function treeOf({ health: _, warnings: __, ...shown }: Shown): Tree {
  const { headers, is_signed, ...settings } = (shown['delivery'] ?? {}) as Tree
  const delivery = {
    ...settings,
    ...(headers ? { headers } : {}),
    ...(is_signed ? { signing_secret: true } : {}),
  }
  return { ...shown, ...(shown['delivery'] ? { delivery } : {}) }
}

async function changeIntegration(
  client: ServiceClient,
  id: string,
  { found, changed, desired }: EntryChange,
): Promise<void> {
  const path = pathOf(id)
  const wasRunning = found.tree['status'] === 'running'
  const willRun = (desired['status'] ?? found.tree['status']) === 'running'
  const body = bodyOf({ found, changed, desired })
  const etag = wasRunning ? await stop(client, path, found) : found.etag
  try {
    if (body) await changeVersion(client, { method: 'PATCH', path, etag, body })
  } catch (error) {
    if (wasRunning) await client.call('POST', `${path}/_start`)
    throw error
  }
  if (willRun) await client.call('POST', `${path}/_start`)
}

/** The update; undefined if only the status changes. A target is sent whole. */
function bodyOf({ found, changed, desired }: EntryChange): Tree | undefined {
  const fields = changed.filter((field) => field !== 'status')
  if (fields.length === 0) return undefined
  const body = pick(desired, fields)
  for (const target of TARGETS) {
    if (!body[target]) continue
    body[target] = { ...(found.tree[target] as Tree), ...(body[target] as Tree) }
  }
  return body
}

/**
 * Stops it, waits until nothing leaves any more, and returns its new ETag. Throws if the stop is
 * not the only change.
 */
async function stop(
  client: ServiceClient,
  path: string,
  { tree, etag }: FoundEntry,
): Promise<string> {
  let now = await changeVersion(client, { method: 'POST', path: `${path}/_stop`, etag })
  const deadline = performance.now() + STOP_MS
  while ((now.body as Shown).status !== 'stopped') {
    if (performance.now() > deadline) throw new Error('It does not stop. Try again later.')
    await sleep(POLL_MS)
    now = (await readVersion(client, path)) ?? now
  }
  const { status: _, ...before } = tree
  const { status: __, ...after } = treeOf(now.body as Shown)
  if (!isDeepStrictEqual(before, after)) throw new Error('Somebody else has changed it.')
  return now.etag
}
