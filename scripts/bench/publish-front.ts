// The contenders of `millrace serve`, in a separate process: the same app, routes and token check
// in front of another publisher. It answers without a database (the ceiling) or does one INSERT a
// request (the rival).

import '../../src/heap.js'
import http from 'node:http'
import { createAccess } from '../../src/access/access.ts'
import { systemClock } from '../../src/clock.ts'
import { readConfig } from '../../src/config.ts'
import { openDatabase } from '../../src/db/pool.ts'
import { gatewayRoutes } from '../../src/gateway/routes.ts'
import { createApp } from '../../src/http/app.ts'
import { createRateLimit } from '../../src/http/rate-limit.ts'
import type { Publisher } from '../../src/log/batch.ts'
import { createLogger } from '../../src/logger.ts'
import { listen } from '../kit/listen.ts'
import { serveCalls } from '../kit/remote.ts'

export type Front = { kind: 'ceiling' | 'rival'; databaseUrl: string; adminToken: string }

/** As many connections as `serve` may have. */
const POOL = 20

const insertStatement = {
  name: 'insert_event',
  text: `
    insert into plain_event (
      tenant, name, entity_id, idempotency_key, team, service, correlation_ids, payload
    ) values ($1, $2, $3, $4, $5, $6, $7, $8)
    returning position`,
}

serveCalls({ ping: () => {}, serve })

/** Resolves with its URL. */
async function serve({ kind, databaseUrl, adminToken }: Front): Promise<string> {
  const logger = createLogger('warn')
  const config = readConfig({})
  const database = openDatabase(databaseUrl, { durability: 'durable', max: POOL, logger })
  const { authenticate } = createAccess(config, {
    db: database.kysely,
    adminToken,
    secretKey: '00'.repeat(32),
    rateLimit: createRateLimit({ publishRate: 0, changesPerMinute: 0 }),
    clock: systemClock,
    logger,
  })

  let position = Date.now() * 1000
  const ceiling: Publisher = {
    publish: () => Promise.resolve({ outcome: 'appended', position: ++position }),
  }
  const rival: Publisher = {
    async publish(event) {
      const { tenant, name, entityId, idempotencyKey, team, service } = event
      const { rows } = await database.pool.query<{ position: number }>({
        ...insertStatement,
        values: [
          ...[tenant, name, entityId, idempotencyKey, team, service],
          ...[event.correlationIds, event.payload.toString()],
        ],
      })
      return { outcome: 'appended', position: rows[0]?.position as number }
    },
  }
  const publisher = kind === 'rival' ? rival : ceiling
  const routes = gatewayRoutes(publisher, config.MILLRACE_MAX_EVENT_BYTES)
  const app = createApp(routes, { authenticate, isDraining: () => false, onServed() {}, logger })
  const server = http.createServer({ keepAliveTimeout: 65_000 }, app)
  return `http://127.0.0.1:${await listen(server)}`
}
