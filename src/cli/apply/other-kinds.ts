// Event types, subscriptions and notification jobs in a tenant file.

import { NewEventType } from '../../event-type/schemas.ts'
import { pick, type Tree } from '../../input/tree.ts'
import { NewJob } from '../../notification/job.ts'
import { NewSubscription } from '../../subscription/subscription.ts'
import { linkedRowsOf, rowsOf } from '../pages.ts'
import { SUBSCRIPTIONS } from '../stream.ts'
import type { EntryKind } from './kind.ts'
import { changeVersion, readVersion } from './requests.ts'

const EVENT_TYPES = '/event-types'
const JOBS = '/api/v1/jobs'
const SQS_KEYS = ['destination.sqs.accessKey', 'destination.sqs.accessSecret']
const SNS_KEYS = ['destination.sns.accessKey', 'destination.sns.accessSecret']

const pathOf = (base: string, id: unknown) => `${base}/${encodeURIComponent(String(id))}`

/** Those that are registered; names that were only published are not configuration. */
export const eventTypeKind: EntryKind = {
  section: 'event_types',
  noun: 'event type',
  idField: 'name',
  schema: entrySchema({ name: { type: 'string' }, ...NewEventType.properties }, 'name'),
  whole: ['schema'],
  fixed: [],
  secrets: [],
  unwritten: [],
  async list(client) {
    const found: Tree[] = []
    for await (const one of rowsOf<Tree>(client, EVENT_TYPES, 'event_types')) {
      if (isRegistered(one)) found.push(eventTypeOf(one))
    }
    return found
  },
  async find(client, id) {
    const found = await readVersion(client, pathOf(EVENT_TYPES, id))
    const shown = found?.body as Tree
    return found && isRegistered(shown) ? { tree: eventTypeOf(shown), etag: found.etag } : undefined
  },
  async add(client, { name, ...desired }) {
    await client.call('PUT', pathOf(EVENT_TYPES, name), desired)
  },
  async change(client, id, { found, desired }) {
    const { name: _, ...body } = { ...found.tree, ...desired }
    const path = pathOf(EVENT_TYPES, id)
    await changeVersion(client, { method: 'PUT', path, etag: found.etag, body })
  },
  async remove(client, id, etag) {
    await changeVersion(client, { method: 'DELETE', path: pathOf(EVENT_TYPES, id), etag })
  },
}

export const subscriptionKind: EntryKind = {
  section: 'subscriptions',
  noun: 'subscription',
  idField: 'id',
  schema: entrySchema(NewSubscription.properties, 'id', ['health', 'warnings']),
  whole: [],
  fixed: [],
  secrets: [...SQS_KEYS, ...SNS_KEYS].map((field) => ({
    field,
    shows: 'whether',
    target: 'destination',
  })),
  unwritten: [['active', true]],
  async list(client) {
    return ((await client.call('GET', SUBSCRIPTIONS.path)) as Tree[]).map(subscriptionOf)
  },
  async find(client, id) {
    const found = await readVersion(client, pathOf(SUBSCRIPTIONS.path, id))
    return found && { tree: subscriptionOf(found.body as Tree), etag: found.etag }
  },
  async add(client, desired) {
    await client.call('POST', SUBSCRIPTIONS.path, desired)
  },
  async change(client, _, { found, desired }) {
    const body = { ...withoutKeys(found.tree), ...desired, destination: destinationOf() }
    await changeVersion(client, { method: 'PUT', path: SUBSCRIPTIONS.path, etag: found.etag, body })

    /** The service keeps keys that are not named. */
    function destinationOf(): Tree {
      const [old, given] = [withoutKeys(found.tree), desired].map((one) => one['destination'])
      const [before, after] = [old as Tree, (given ?? {}) as Tree]
      const field = Object.keys(after).find((one) => one !== 'type')
      if (field === undefined || !before[field]) return { ...(field ? {} : before), ...after }
      return { ...after, [field]: { ...(before[field] as Tree), ...(after[field] as Tree) } }
    }
  },
  async remove(client, id, etag) {
    await changeVersion(client, { method: 'DELETE', path: pathOf(SUBSCRIPTIONS.path, id), etag })
  },
}

/** A deleted job that the file names is restored. */
export const jobKind: EntryKind = {
  section: 'jobs',
  noun: 'job',
  idField: 'id',
  schema: entrySchema(NewJob.properties, 'id', ['deleted', 'next_run_at']),
  whole: [],
  fixed: [],
  secrets: [],
  unwritten: [['deleted']],
  implied: { deleted: false },
  async list(client) {
    const found: Tree[] = []
    for await (const one of linkedRowsOf<Tree>(client, JOBS)) found.push(jobOf(one))
    return found.filter((job) => job['deleted'] !== true)
  },
  async find(client, id) {
    const found = await readVersion(client, pathOf(JOBS, id))
    return found && { tree: jobOf(found.body as Tree), etag: found.etag }
  },
  async add(client, desired) {
    await client.call('POST', JOBS, desired)
  },
  async change(client, id, { found, changed, desired }) {
    const body = pick(desired, changed)
    await changeVersion(client, { method: 'PUT', path: pathOf(JOBS, id), etag: found.etag, body })
  },
  async remove(client, id, etag) {
    await changeVersion(client, { method: 'DELETE', path: pathOf(JOBS, id), etag })
  },
}

/** The schema of an entry that names only some of the fields. */
function entrySchema(properties: object, idField: string, without: string[] = []): object {
  const named = Object.entries(properties).filter(([name]) => !without.includes(name))
  return {
    type: 'object',
    required: [idField],
    additionalProperties: false,
    properties: Object.fromEntries(named),
  }
}

/** An alert has a schema, too, but nobody decides what follows from breaking it. */
const isRegistered = ({ on_violation }: Tree) => on_violation !== undefined

function eventTypeOf({ name, schema, on_violation, description, deprecated }: Tree): Tree {
  return {
    name,
    on_violation,
    ...(description === null ? {} : { description }),
    deprecated,
    schema,
  }
}

function subscriptionOf({ health: _, warnings: __, ...shown }: Tree): Tree {
  const { type, ...blocks } = shown['destination'] as Tree
  const known = Object.entries(blocks).map(([field, block]) => {
    const { accessKey, accessSecret, ...address } = block as Tree
    return [
      field,
      {
        ...address,
        ...(accessKey ? { accessKey: true } : {}),
        ...(accessSecret ? { accessSecret: true } : {}),
      },
    ]
  })
  return { ...shown, destination: { type, ...Object.fromEntries(known) } }
}

function withoutKeys(tree: Tree): Tree {
  const { type, ...blocks } = tree['destination'] as Tree
  const shown = Object.entries(blocks).map(([field, block]) => {
    const { accessKey: _, accessSecret: __, ...address } = block as Tree
    return [field, address]
  })
  return { ...tree, destination: { type, ...Object.fromEntries(shown) } }
}

function jobOf({ next_run_at: _, ...job }: Tree): Tree {
  return job
}
