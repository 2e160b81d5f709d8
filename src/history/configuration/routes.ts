// The history of a tenant's configuration: its changes, how everything was configured at a moment,
// and the differences between two moments (docs/changes.md).

import { limits } from '../../config.ts'
import type { Database } from '../../db/pool.ts'
import type { DocumentedAnswer, RequestContext, Route } from '../../http/route.ts'
import { tenantHeader, tenantOf } from '../../http/tenant.ts'
import { createTurns } from '../../http/turns.ts'
import { commonErrors } from '../../integration/schemas.ts'
import { timeOf } from '../../log/position.ts'
import type { SecretBox } from '../../sealing/secret.ts'
import { presentPosition, readConfiguration, readDifferences } from './as-of.ts'
import { PAGE_BYTES, readChanges } from './changes.ts'
import {
  changesParameters,
  changesRequestOf,
  configurationParameters,
  configurationRequestOf,
  differencesParameters,
  differencesRequestOf,
} from './request.ts'
import { ChangeList, ConfigurationDifferences, ConfigurationShown } from './schemas.ts'

const KEYS =
  'A key for every tenant counts for each. Of a key for several tenants, the names of those that ' +
  'the token may not read are left out.'
const SHORT = 'A page may be short, or empty, and have a `next`.'

/** The routes of the history of the configuration. `reading`: a database for readers. */
export function configurationRoutes(services: { reading: Database; secrets: SecretBox }): Route[] {
  const { reading, secrets } = services
  const inTurn = createTurns(reading, limits.deliveryReads)
  const common = {
    method: 'get',
    scope: 'read',
    family: 'configuration',
    tag: 'Configuration',
  } as const
  const answers = (description: string, schema: DocumentedAnswer['schema']) => ({
    200: { description, ...(schema ? { schema } : {}) },
    ...commonErrors,
  })

  return [
    {
      ...common,
      path: '/changes',
      operationId: 'listChanges',
      summary: 'The changes of the configuration, newest first: by whom, why, before and after.',
      description:
        'Of integrations, subscriptions, jobs, the sender, event types and keys. A page has at ' +
        `most ${PAGE_BYTES} bytes of documents, or one change. ${SHORT} ${KEYS}`,
      parameters: [tenantHeader, ...changesParameters],
      responses: answers('A page of changes.', ChangeList),
      async handle(context) {
        const { tenant, mayRead } = readerOf(context)
        const wanted = changesRequestOf(context.query)
        context.body = await inTurn(context, tenant, (db) =>
          readChanges(db, tenant, wanted, { secrets, mayRead }),
        )
      },
    },
    {
      ...common,
      path: '/configuration',
      operationId: 'getConfiguration',
      summary: 'How everything was configured at a moment.',
      description: `Keys that had expired then are left out. ${SHORT} ${KEYS}`,
      parameters: [tenantHeader, ...configurationParameters],
      responses: answers('A page of what was configured.', ConfigurationShown),
      async handle(context) {
        const { tenant, mayRead } = readerOf(context)
        const { wanted, until: given } = configurationRequestOf(context.query)
        context.body = await inTurn(context, tenant, async (db) => {
          const until = given ?? (await presentPosition(db))
          const found = await readConfiguration(db, tenant, { ...wanted, until }, mayRead)
          return { as_of: timeOf(until), ...found }
        })
      },
    },
    {
      ...common,
      path: '/configuration/differences',
      operationId: 'compareConfigurations',
      summary: 'The differences between the configurations of two moments.',
      description: `${SHORT} ${KEYS}`,
      parameters: [tenantHeader, ...differencesParameters],
      responses: answers('A page of what differs.', ConfigurationDifferences),
      async handle(context) {
        const { tenant, mayRead } = readerOf(context)
        const { wanted, from, until: given } = differencesRequestOf(context.query)
        context.body = await inTurn(context, tenant, async (db) => {
          const until = given ?? (await presentPosition(db))
          const moments = { ...wanted, from, until }
          const found = await readDifferences(db, tenant, moments, { secrets, mayRead })
          return { from: timeOf(from), to: timeOf(until), ...found }
        })
      },
    },
  ]
}

/** The tenant, and whether the caller may read another one, too. */
function readerOf(context: RequestContext) {
  const tenant = tenantOf(context, 'read')
  const { identity } = context.state
  return { tenant, mayRead: (other: string) => identity.mayActFor(other, 'read') }
}
