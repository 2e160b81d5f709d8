// /api/v1/org/integrations/eventstream: register, list, get, start, stop and delete integrations
// (SPEC 3).

import { setTimeout as sleep } from 'node:timers/promises'
import { Type } from 'typebox'
import type { SecretBox } from '../access/secret.ts'
import type { Clock } from '../clock.ts'
import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import { refusalOfHost } from '../destination/address.ts'
import { fault, invalid, MillraceError } from '../errors.ts'
import { readJson } from '../http/body.ts'
import type { Parameter, RequestContext, Route } from '../http/route.ts'
import { tenantHeader, tenantOf } from '../http/tenant.ts'
import { compile } from '../http/validate.ts'
import { positionOf } from '../log/position.ts'
import {
  registerIntegration,
  removeIntegration,
  startIntegration,
  stopIntegration,
} from './change.ts'
import { type FoundIntegration, findIntegration, listIntegrations } from './find.ts'
import { faultsOf, Integration, NewIntegration, present, sealDocument } from './integration.ts'

const BASE = '/api/v1/org/integrations/eventstream'
/** How long _stop waits for the worker to let go. */
const STOP_WAIT_MS = 5_000

export type IntegrationServices = {
  db: Db
  secrets: SecretBox
  clock: Clock
  allowPrivateTargets: boolean
  /** Tells delivery at once; without it the sweep or the worker's next commit finds out. */
  onStarted(tenant: string): void
  onHalted(tenant: string, id: string): void
}

const idParameter: Parameter = {
  in: 'path',
  name: 'integration_id',
  description: 'Unique identifier of the integration.',
  required: true,
  schema: Type.String(),
  example: 'erp-1',
}
const errors = {
  401: { description: 'No token, or an unknown one.' },
  403: { description: 'The token may not do this for the tenant.' },
  500: { description: 'Internal server error.' },
}
const notFound = { 404: { description: 'Integration with given ID was not found.' } }
const IntegrationList = Type.Object({ integrations: Type.Array(Integration) })

/** The routes of the configuration API. */
export function integrationRoutes(services: IntegrationServices): Route[] {
  const { db } = services
  const checkRegistration = compile(NewIntegration)

  return [
    {
      method: 'get',
      path: BASE,
      scope: 'read',
      family: 'configuration',
      operationId: 'listIntegrations',
      summary: 'List the integrations.',
      parameters: [tenantHeader],
      responses: { 200: { description: 'All of them.', schema: IntegrationList }, ...errors },
      async handle(context) {
        const tenant = tenantOf(context, 'read')
        const found = await listIntegrations(db, tenant)
        context.body = { integrations: found.map(view) }
      },
    },
    {
      method: 'post',
      path: BASE,
      scope: 'configure',
      family: 'configuration',
      operationId: 'registerIntegration',
      summary: 'Register a new integration; it runs at once.',
      description: `At most ${limits.integrationsPerTenant} integrations a tenant.`,
      parameters: [tenantHeader],
      body: NewIntegration,
      responses: {
        201: { description: 'The integration was registered.', schema: Integration },
        400: { description: 'Bad request, or the maximum number of integrations is reached.' },
        409: { description: 'Another integration has this id.' },
        ...errors,
      },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const body = await readJson(context.req, limits.configurationBytes)
        const integration = checkRegistration(body)
        const faults = faultsOf(integration, services.clock())
        if (faults.length > 0) throw invalid(faults)
        await refusePrivateTarget(integration.callback_parameters.callback_url)

        const startsAt = integration.starts_at && positionOf(integration.starts_at)
        const outcome = await registerIntegration(db, tenant, integration.id, {
          document: sealDocument(tenant, integration, services.secrets),
          // The event at exactly starts_at is sent too.
          startsAfter: startsAt ? startsAt - 1 : undefined,
          actor: context.state.identity.actor,
          reason: 'Registered via API.',
        })
        if (outcome === 'taken') {
          throw new MillraceError('conflict', `The id ${integration.id} is taken.`)
        }
        if (outcome === 'full') {
          const message = `The tenant has ${limits.integrationsPerTenant} integrations, the most there can be.`
          throw new MillraceError('too_many_integrations', message)
        }
        services.onStarted(tenant)
        context.status = 201
        context.body = view(await require(tenant, integration.id))
      },
    },
    {
      method: 'get',
      path: `${BASE}/:integration_id`,
      scope: 'read',
      family: 'configuration',
      operationId: 'getIntegration',
      summary: 'Get an integration.',
      parameters: [tenantHeader, idParameter],
      responses: {
        200: { description: 'The integration.', schema: Integration },
        ...notFound,
        ...errors,
      },
      async handle(context) {
        context.body = view(await require(tenantOf(context, 'read'), idOf(context)))
      },
    },
    {
      method: 'delete',
      path: `${BASE}/:integration_id`,
      scope: 'configure',
      family: 'configuration',
      operationId: 'deleteIntegration',
      summary: 'Delete an integration. Its history stays in the config log.',
      parameters: [tenantHeader, idParameter],
      responses: { 200: { description: 'It was deleted.' }, ...notFound, ...errors },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const id = idOf(context)
        const actor = context.state.identity.actor
        // Stopped first, so that nothing leaves after the answer where the worker lets go in time.
        await stopAndWait(tenant, id, { actor, reason: 'Stopped to be deleted via API.' })
        if (!(await removeIntegration(db, tenant, id, { actor, reason: 'Deleted via API.' }))) {
          throw noSuchIntegration(id)
        }
        context.status = 200
        context.body = ''
      },
    },
    {
      method: 'post',
      path: `${BASE}/:integration_id/_start`,
      scope: 'configure',
      family: 'configuration',
      operationId: 'startIntegration',
      summary: 'Start an integration; it goes on where it stopped.',
      parameters: [tenantHeader, idParameter],
      responses: {
        200: { description: 'It runs.', schema: Integration },
        ...notFound,
        ...errors,
      },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const id = idOf(context)
        const actor = context.state.identity.actor
        await startIntegration(db, tenant, id, { actor, reason: 'Started via API.' })
        const started = await require(tenant, id)
        services.onStarted(tenant)
        context.body = view(started)
      },
    },
    {
      method: 'post',
      path: `${BASE}/:integration_id/_stop`,
      scope: 'configure',
      family: 'configuration',
      operationId: 'stopIntegration',
      summary: 'Stop an integration.',
      description:
        'No request leaves once the status is `stopped`. The answer waits for that for a few seconds; where a target takes ' +
        'longer over a request that is under way, it says `running` still: poll the integration.',
      parameters: [tenantHeader, idParameter],
      responses: {
        200: { description: 'It was stopped.', schema: Integration },
        ...notFound,
        ...errors,
      },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const actor = context.state.identity.actor
        const change = { actor, reason: 'Stopped via API.' }
        context.body = view(await stopAndWait(tenant, idOf(context), change))
      },
    },
  ]

  async function require(tenant: string, id: string): Promise<FoundIntegration> {
    const found = await findIntegration(db, tenant, id)
    if (!found) throw noSuchIntegration(id)
    return found
  }

  async function stopAndWait(
    tenant: string,
    id: string,
    change: { actor: string; reason: string },
  ) {
    await stopIntegration(db, tenant, id, change)
    services.onHalted(tenant, id)
    const deadline = performance.now() + STOP_WAIT_MS
    for (let delay = 5; ; delay = Math.min(delay * 2, 100)) {
      const found = await require(tenant, id)
      const startedAgain = found.desired === 'running'
      if (found.status === 'stopped' || startedAgain || performance.now() > deadline) return found
      await sleep(delay)
    }
  }

  async function refusePrivateTarget(callbackUrl: string): Promise<void> {
    if (services.allowPrivateTargets) return
    const refusal = await refusalOfHost(new URL(callbackUrl))
    if (!refusal) return
    throw invalid([
      fault('callback_parameters.callback_url', 'private_target', `is refused: ${refusal}`),
    ])
  }
}

function view({ id, status, document }: FoundIntegration): Integration {
  return present(id, status, document)
}

function noSuchIntegration(id: string): MillraceError {
  return new MillraceError('not_found', `There is no integration ${JSON.stringify(id)}.`)
}

function idOf(context: RequestContext): string {
  return context.params['integration_id'] as string
}
