// POST /api/v1/org/integrations/eventstream/_preview: the events of the last day that a filter
// takes (docs/integrate.md).

import type { Clock } from '../../clock.ts'
import { limits } from '../../config.ts'
import type { Database, Db } from '../../db/pool.ts'
import { invalid } from '../../errors.ts'
import { readJson } from '../../http/body.ts'
import type { Route } from '../../http/route.ts'
import { tenantHeader, tenantOf } from '../../http/tenant.ts'
import { createTurns } from '../../http/turns.ts'
import { compile } from '../../http/validate.ts'
import { positionBefore, timeOf } from '../../log/position.ts'
import { faultsOfParts, filterOf } from '../integration.ts'
import { commonErrors, EVENTSTREAM } from '../schemas.ts'
import { warningsOfFilter } from '../warn.ts'
import { previewFilter } from './preview.ts'
import { Preview, PreviewRequest } from './schemas.ts'

/** `reading`: a database for readers. */
type PreviewServices = { db: Db; reading: Database; clock: Clock }

/** Previews at once; each may read for a second. */
const PREVIEWS = 2

/** The route of previews. */
export function previewRoutes({ db, reading, clock }: PreviewServices): Route[] {
  const inTurn = createTurns(reading, PREVIEWS)
  const check = compile(PreviewRequest)
  return [
    {
      method: 'post',
      path: `${EVENTSTREAM}/_preview`,
      scope: 'read',
      limited: 'changes',
      family: 'configuration',
      tag: 'Integrations',
      operationId: 'previewFilter',
      summary: 'Count the events of the last day that a filter takes.',
      description:
        'Nothing is registered. It counts the events that a live stream with this filter takes: ' +
        'no imported ones. Alerts about an integration count, though it never gets its own.',
      parameters: [tenantHeader],
      body: PreviewRequest,
      responses: {
        200: { description: 'The counts, and the newest events.', schema: Preview },
        ...commonErrors,
      },
      async handle(context) {
        const tenant = tenantOf(context, 'read')
        const asked = check(await readJson(context, limits.configurationBytes, {}))
        const faults = faultsOfParts(asked)
        if (faults.length > 0) throw invalid(faults)
        const to = clock() * 1_000
        const from = positionBefore(clock(), 1)
        const range = { tenant, from, to, filter: filterOf(asked) }
        const found = await inTurn(context, tenant, (db) => previewFilter(db, range))
        context.body = {
          from: timeOf(from),
          to: timeOf(to),
          counted_from: timeOf(found.countedFrom),
          events: found.events,
          names: found.names,
          newest: found.newest.map(({ position, name, entityId }) => ({
            position,
            published_at: timeOf(position),
            name,
            entity_id: entityId,
          })),
          ...(await warningsOfFilter(db, tenant, asked)),
        }
      },
    },
  ]
}
