// /api/v1/org/integrations/eventstream: register, list, get, update, delete, start and stop
// integrations (docs/integrate.md). Their deliveries and failures are in history/routes.ts.

import type { Clock } from '../clock.ts'
import { limits } from '../config.ts'
import { changeConsumer, startConsumer } from '../consumer/change.ts'
import { isIntegrationId } from '../consumer/consumer.ts'
import type { Db } from '../db/pool.ts'
import { invalid } from '../errors.ts'
import { readJson } from '../http/body.ts'
import type { RequestContext, Route } from '../http/route.ts'
import { tenantHeader, tenantOf } from '../http/tenant.ts'
import { compile } from '../http/validate.ts'
import { timeOf } from '../log/position.ts'
import type { SecretBox } from '../sealing/secret.ts'
import { type FoundIntegration, findIntegration, integrationOf, listIntegrations } from './find.ts'
import { faultsOfField, IntegrationUpdate, NewIntegration, targetFieldOf } from './integration.ts'
import { changedMeanwhile, etagOf, noSuchIntegration } from './refuse.ts'
import { register } from './register.ts'
import { rotateSigningSecret } from './rotate.ts'
import {
  commonErrors,
  EVENTSTREAM,
  Integration,
  IntegrationList,
  idParameter,
  ifMatch,
  notFound,
  Rotated,
  Rotation,
} from './schemas.ts'
import { presentIntegration } from './secrets.ts'
import { registrationOf, SentRegistration, SentUpdate, updateOf } from './sent-back.ts'
import { stopIntegration } from './stop.ts'
import { updateIntegration } from './update.ts'
import { warningsOfFilter } from './warn.ts'

const DAY_MS = 86_400_000

type IntegrationServices = {
  db: Db
  secrets: SecretBox
  clock: Clock
  allowPrivateTargets: boolean
  allowDefaultCredentials: boolean
  retentionDays: number
  /** Notifies delivery at once; otherwise the sweep or the worker's next commit finds it. */
  onStarted(tenant: string): void
  requestHalt(tenant: string, id: string): void
}

/** The routes of the configuration API that change or show configuration. */
export function integrationRoutes(services: IntegrationServices): Route[] {
  const { db, secrets, clock } = services
  const checkRegistration = compile(NewIntegration)
  const checkUpdate = compile(IntegrationUpdate)
  const checkRotation = compile(Rotation)
  const common = { family: 'configuration', tag: 'Integrations' } as const
  const changing = { ...common, scope: 'configure', limited: 'changes' } as const
  const one = { ...common, parameters: [tenantHeader, idParameter] }
  const path = `${EVENTSTREAM}/:integration_id`
  const headers: ['etag'] = ['etag']
  const shown = { 200: { description: 'The integration.', schema: Integration, headers } }
  const errors = { ...notFound, ...commonErrors }

  return [
    {
      method: 'get',
      path: EVENTSTREAM,
      scope: 'read',
      ...common,
      operationId: 'listIntegrations',
      summary: 'List integrations.',
      parameters: [tenantHeader],
      responses: { 200: { description: 'All of them.', schema: IntegrationList }, ...commonErrors },
      async handle(context) {
        const found = await listIntegrations(db, tenantOf(context, 'read'))
        context.body = { integrations: found.map(view) }
      },
    },
    {
      method: 'post',
      path: EVENTSTREAM,
      ...changing,
      operationId: 'registerIntegration',
      summary: 'Register new integration',
      description:
        `It runs at once. At most ${limits.integrationsPerTenant} a tenant. A temporary one ` +
        'is a replay: it receives the events from starts_at to ends_at, both included, ' +
        'completes by itself and leaves the list. If it keeps rejected events at its end, it ' +
        'is stopped with that reason, and completes when the last one is retried or deleted.',
      parameters: [tenantHeader],
      body: SentRegistration,
      responses: {
        ...commonErrors,
        200: { description: 'The integration was registered.', schema: Integration },
        400: { description: 'Bad request, or the maximum number of integrations is reached.' },
        409: { description: 'Another integration has this id.' },
      },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const body = await readJson(context, limits.configurationBytes)
        const integration = checkRegistration(registrationOf(body))
        const change = changeBy(context, 'Registered via API.')
        const bounds = { ...change, oldestRetained: oldestRetained() }
        const document = await register(services, tenant, integration, bounds)
        services.onStarted(tenant)
        const warnings = await warningsOfFilter(db, tenant, integration)
        context.body = { ...presentIntegration(integration.id, 'running', document), ...warnings }
      },
    },
    {
      ...one,
      method: 'get',
      path,
      scope: 'read',
      operationId: 'getIntegration',
      summary: 'Get integration details',
      responses: { ...shown, ...errors },
      async handle(context) {
        show(context, await find(tenantOf(context, 'read'), idOf(context)))
      },
    },
    {
      method: 'patch',
      path,
      ...changing,
      operationId: 'updateIntegration',
      summary: 'Update the integration',
      description:
        'Only a stopped, permanent integration can be updated: its target, filter and ' +
        'delivery settings. Fields that the body does not name stay, secrets too; for another ' +
        'origin they must be set anew. An empty api_key removes it. A GET may be sent back whole.',
      parameters: [tenantHeader, idParameter, ifMatch],
      body: SentUpdate,
      responses: {
        ...errors,
        200: { description: 'The integration was updated.', schema: Integration, headers },
        400: { description: 'Bad request, or the integration is running or temporary.' },
        412: { description: "The integration's version is not one that If-Match names." },
      },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const id = idOf(context)
        const body = await readJson(context, limits.configurationBytes)
        const found = await find(tenant, id)
        const sent = updateOf(body, { shown: view(found), stored: found.document })
        const update = checkUpdate(sent)
        const change = {
          ...changeBy(context, 'Updated via API.'),
          ifMatch: context.get('if-match'),
        }
        show(context, await updateIntegration(services, { tenant, found }, update, change))
        Object.assign(context.body as object, await warningsOfFilter(db, tenant, update))
      },
    },
    {
      ...one,
      method: 'delete',
      path,
      scope: 'configure',
      operationId: 'deleteIntegration',
      summary: 'Delete the integration. Its history stays in the config log.',
      description:
        'Its logs, statistics and rejected events stay available for another ' +
        `${services.retentionDays} days, or until its id is used again.`,
      responses: { 200: { description: 'Integration was successfully deleted.' }, ...errors },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const id = idOf(context)
        // Stopped first, so that nothing leaves after the answer, if the worker releases its lease
        // in time.
        await stop(context, tenant, id, 'Stopped to be deleted via API.')
        const change = changeBy(context, 'Deleted via API.')
        const { outcome } = await changeConsumer(db, tenant, id, { ...change, command: 'remove' })
        if (outcome === 'absent') throw noSuchIntegration(id)
        context.status = 200
        context.body = ''
      },
    },
    {
      ...one,
      method: 'post',
      path: `${path}/_start`,
      ...changing,
      operationId: 'startIntegration',
      summary: 'Start the integration',
      description:
        'It goes on where it stopped, whatever has changed since. It goes on from now if it ' +
        `stopped more than ${services.retentionDays} days ago, unless it is temporary.`,
      responses: { ...shown, ...errors },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const id = idOf(context)
        const change = { ...changeBy(context, 'Started via API.'), oldestRestart: oldestRetained() }
        const { consumer } = await startConsumer(db, tenant, id, change)
        if (!consumer) throw noSuchIntegration(id)
        services.onStarted(tenant)
        show(context, integrationOf(consumer, 'running'))
      },
    },
    {
      ...one,
      method: 'post',
      path: `${path}/_stop`,
      scope: 'configure',
      operationId: 'stopIntegration',
      summary: 'Stop the integration',
      description:
        'No request leaves once the status is `stopped`. The answer waits a few seconds for ' +
        'that. If a request in flight takes longer, the status is still `running`: poll the ' +
        'integration.',
      responses: { ...shown, ...errors },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        show(context, await stop(context, tenant, idOf(context), 'Stopped via API.'))
      },
    },
    {
      ...one,
      method: 'post',
      path: `${path}/_rotate_signing_secret`,
      ...changing,
      operationId: 'rotateSigningSecret',
      summary: 'Make a new signing secret; the old one also signs for a while.',
      body: Rotation,
      responses: {
        ...errors,
        200: { description: 'Rotated.', schema: Rotated },
        412: { description: 'The integration was changed meanwhile; nothing was rotated.' },
      },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const id = idOf(context)
        const body = await readJson(context, limits.configurationBytes, {})
        const { overlap_seconds = 86_400 } = checkRotation(body)
        const found = await find(tenant, id)
        const field = targetFieldOf(found.document)
        const faults = faultsOfField({ delivery: {} }, field)
        if (faults.length > 0) throw invalid(faults)
        const previous_valid_until = timeOf((clock() + overlap_seconds * 1000) * 1000)
        const { secret, document } = rotateSigningSecret(
          tenant,
          found.document,
          previous_valid_until,
          secrets,
        )
        const { outcome } = await changeConsumer(db, tenant, id, {
          command: 'rotate',
          ...changeBy(context, 'Signing secret rotated via API.'),
          document,
          ifVersion: found.version,
        })
        if (outcome !== 'changed') throw changedMeanwhile()
        // The current run ends, and the next one signs with the new secret.
        services.requestHalt(tenant, id)
        context.set('cache-control', 'no-store')
        context.body = { signing_secret: secret, previous_valid_until }
      },
    },
  ]

  /** The position from which events are retained. */
  function oldestRetained(): number {
    return (clock() - services.retentionDays * DAY_MS) * 1000
  }

  async function find(tenant: string, id: string): Promise<FoundIntegration> {
    const found = await findIntegration(db, tenant, id)
    if (!found) throw noSuchIntegration(id)
    return found
  }

  async function stop(context: RequestContext, tenant: string, id: string, reason: string) {
    const { requestHalt } = services
    const options = { ...changeBy(context, reason), requestHalt }
    const found = await stopIntegration(db, tenant, id, options)
    if (!found) throw noSuchIntegration(id)
    return found
  }
}

function show(context: RequestContext, found: FoundIntegration): void {
  context.set('etag', etagOf(found))
  context.body = view(found)
}

function view({ id, status, document }: FoundIntegration): Integration {
  return presentIntegration(id, status, document)
}

function changeBy(context: RequestContext, reason: string) {
  return { actor: context.state.identity.actor, reason }
}

function idOf(context: RequestContext): string {
  const id = context.params['integration_id'] as string
  if (isIntegrationId(id)) return id
  throw noSuchIntegration(id)
}
