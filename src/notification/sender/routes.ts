// /api/v1/notification-sender and /api/v1/shop/stats: the sender of a tenant's mails, and the state
// of their source. Both extend the Jobs API.

import type { Clock } from '../../clock.ts'
import { limits } from '../../config.ts'
import type { Db } from '../../db/pool.ts'
import { untilWritten } from '../../db/until-written.ts'
import { refusalOfHost } from '../../destination/address.ts'
import { fault, invalid, MillraceError } from '../../errors.ts'
import { readJson } from '../../http/body.ts'
import type { RequestContext, Route } from '../../http/route.ts'
import { tenantHeader, tenantOf } from '../../http/tenant.ts'
import { compile } from '../../http/validate.ts'
import { faultOfUrl, withoutCredentials } from '../../input/url.ts'
import { commonErrors } from '../../integration/schemas.ts'
import type { SecretBox } from '../../sealing/secret.ts'
import { listActiveJobs } from '../find.ts'
import { readShopStatistics, ShopStatistics } from '../statistics.ts'
import type { Mailers } from './mailers.ts'
import { changeSender, findSender, NewSender, Sender, sealSender } from './sender.ts'

/** Jobs that the refusal to remove a sender names. */
const NAMED = 10

const none = { 404: { description: 'The tenant has no sender of its own.' } }
const shown = { 200: { description: 'The sender, without its key.', schema: Sender } }

type SenderServices = {
  db: Db
  secrets: SecretBox
  clock: Clock
  allowPrivateTargets: boolean
  mailers: Pick<Mailers, 'hasOperator' | 'ownUrl'>
}

/** The routes of a tenant's sender and of the statistics of its shop. */
export function senderRoutes(services: SenderServices): Route[] {
  const { db, secrets, clock, allowPrivateTargets, mailers } = services
  const { ownUrl, hasOperator } = mailers
  const check = compile(NewSender)
  const common = {
    family: 'configuration' as const,
    tag: 'Notification jobs' as const,
    path: '/api/v1/notification-sender',
    parameters: [tenantHeader],
  }

  return [
    {
      ...common,
      method: 'get',
      scope: 'read',
      operationId: 'getNotificationSender',
      summary: "The sender of the tenant's mails.",
      description: "A tenant without its own sender uses the operator's.",
      responses: { ...shown, ...none, ...commonErrors },
      async handle(context) {
        const found = await findSender(db, tenantOf(context, 'read'))
        if (!found) throw noSender()
        show(context, found.document)
      },
    },
    {
      ...common,
      method: 'put',
      scope: 'configure',
      limited: 'changes',
      operationId: 'setNotificationSender',
      summary: "Set the SendGrid key and the sender's address.",
      body: NewSender,
      responses: { ...shown, ...commonErrors },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const sender = check(await readJson(context, limits.configurationBytes))
        if (sender.url !== undefined) await refuseUrl(tenant, sender.url)
        await set(tenant, sender, context.state.identity.actor)
        show(context, sender)
      },
    },
    {
      ...common,
      method: 'delete',
      scope: 'configure',
      operationId: 'removeNotificationSender',
      summary: "Use the operator's sender.",
      description: 'Refused if the operator has none, and a job that is active needs it.',
      responses: {
        204: { description: 'Removed.' },
        ...none,
        ...commonErrors,
        409: { description: 'Jobs need it, and the operator has none.' },
      },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const change = { actor: context.state.identity.actor, reason: 'Removed via API.' }
        if (!hasOperator && (await findSender(db, tenant))) await refuseIfNeeded(tenant)
        if (!(await changeSender(db, tenant, null, change))) throw noSender()
        context.status = 204
      },
    },
    {
      ...common,
      path: '/api/v1/shop/stats',
      method: 'get',
      scope: 'read',
      operationId: 'getShopStatistics',
      summary: 'The progress of the projections that notifications use.',
      responses: {
        200: { description: 'Statistics.', schema: ShopStatistics },
        404: { description: 'The tenant has no notification job yet.' },
        ...commonErrors,
      },
      async handle(context) {
        const found = await readShopStatistics(db, tenantOf(context, 'read'), clock())
        if (!found) throw new MillraceError('not_found', 'The tenant has no notification job yet.')
        context.body = found
      },
    },
  ]

  /**
   * Decided again if another change comes first: fields that are kept come from the stored
   * document.
   */
  async function set(tenant: string, sender: NewSender, actor: string): Promise<void> {
    await untilWritten('the sender', async () => {
      const found = await findSender(db, tenant)
      const stored = found?.document
      const document = sealSender(tenant, sender, { secrets, stored, ownUrl })
      const change = { actor, reason: 'Set via API.', ifVersion: found?.version ?? 0 }
      return (await changeSender(db, tenant, document, change)) === true ? true : undefined
    })
  }

  async function refuseIfNeeded(tenant: string): Promise<void> {
    const ids = await listActiveJobs(db, tenant, NAMED)
    if (ids.length === 0) return
    const message =
      `Active jobs need this sender, and the operator has none: ${ids.join(', ')}. ` +
      'Set is_active of the jobs to false first, or put another sender in its place.'
    throw new MillraceError('conflict', message)
  }

  function show(context: RequestContext, { api_key: _, ...sender }: NewSender): void {
    context.body = { ...sender, ...(sender.url ? { url: withoutCredentials(sender.url) } : {}) }
  }

  async function refuseUrl(tenant: string, text: string): Promise<void> {
    const reason = faultOfUrl(text)
    if (reason) throw invalid([fault('url', 'invalid', reason)])
    const refusal = allowPrivateTargets ? undefined : await refusalOfHost(new URL(text), tenant)
    if (refusal) throw invalid([fault('url', 'not_allowed', `is not allowed: ${refusal}`)])
  }
}

function noSender(): MillraceError {
  return new MillraceError('not_found', 'The tenant has no sender of its own.')
}
