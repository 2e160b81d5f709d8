// /api/v1/org/integrations/eventstream: register, list, get, update, delete, start and stop
// integrations (docs/integrate.md). Their deliveries and failures are in history/routes.ts.

import type { Clock } from '../clock.ts'
import { limits } from '../config.ts'
import { startConsumer } from '../consumer/change.ts'
import { isIntegrationId } from '../consumer/consumer.ts'
import { readHealth } from '../consumer/health.ts'
import { stopAndRemove } from '../consumer/stop.ts'
import type { Db } from '../db/pool.ts'
import { readJson } from '../http/body.ts'
import { askedVersion, ifMatch } from '../http/if-match.ts'
import type { RequestContext, Route } from '../http/route.ts'
import { tenantHeader, tenantOf } from '../http/tenant.ts'
import { compile } from '../http/validate.ts'
import { etagOf } from '../input/etag.ts'
import { positionBefore, timeOf } from '../log/position.ts'
import type { SecretBox } from '../sealing/secret.ts'
import { type FoundIntegration, findIntegration, integrationOf, listIntegrations } from './find.ts'
import { IntegrationUpdate, NewIntegration } from './integration.ts'
import { noSuchIntegration } from './refuse.ts'
import { register } from './register.ts'
import { withoutRemovals } from './removal.ts'
import { rotateSigningSecret } from './rotate.ts'
import {
  commonErrors,
  EVENTSTREAM,
  Integration,
  IntegrationList,
  idParameter,
  notFound,
  otherVersion,
  Rotated,
  Rotation,
} from './schemas.ts'
import { presentIntegration } from './secrets.ts'
import { registrationOf, SentRegistration, SentUpdate, updateOf } from './sent-back.ts'
import { stopIntegration } from './stop.ts'
import { updateIntegration } from './update.ts'
import { warningsOfFilter } from './warn.ts'

type IntegrationServices = {
  db: Db
  secrets: SecretBox
  clock: Clock
  allowPrivateTargets: boolean
  allowDefaultCredentials: boolean
  retentionDays: number
  /** A database for readers. */
  reading: Db
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
  const answer = { schema: Integration, headers: ['etag'] as ['etag'] }
  const shown = { 200: { description: 'The integration.', ...answer } }
  const errors = { ...notFound, ...commonErrors }
  const versioned = [tenantHeader, idParameter, ifMatch]

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
        const tenant = tenantOf(context, 'read')
        const found = await listIntegrations(db, tenant)
        const health = await readHealth(services.reading, tenant, 'integration')
        context.body = {
          integrations: found.map((one) => ({ ...view(one), health: health.get(one.id) })),
        }
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
        'completes by itself and leaves the list. If it keeps rejected events at its end, it is ' +
        'stopped with that reason, and completes when the last is retried or deleted.',
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
        const tenant = tenantOf(context, 'read')
        const id = idOf(context)
        show(context, await find(tenant, id))
        const health = (await readHealth(services.reading, tenant, 'integration', id)).get(id)
        Object.assign(context.body as object, health && { health })
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
        'origin they must be set anew. Null takes a setting away. A GET may be sent back whole.',
      parameters: versioned,
      body: SentUpdate,
      responses: {
        ...errors,
        200: { description: 'The integration was updated.', ...answer },
        400: { description: 'Bad request, or the integration is running or temporary.' },
        ...otherVersion,
      },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const body = await readJson(context, limits.configurationBytes)
        const found = await find(tenant, idOf(context))
        const sent = updateOf(body, { shown: view(found), stored: found.document })
        const { body: settings, removed } = withoutRemovals(sent)
        const update = { settings: checkUpdate(settings), removed }
        const by = changeBy(context, 'Updated via API.')
        const change = { ...by, ifMatch: context.get('if-match') }
        show(context, await updateIntegration(services, { tenant, found }, update, change))
        Object.assign(context.body as object, await warningsOfFilter(db, tenant, update.settings))
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
      parameters: versioned,
      responses: {
        200: { description: 'Integration was successfully deleted.' },
        ...errors,
        ...otherVersion,
      },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const id = idOf(context)
        const options = await stopOptions(context, tenant, id)
        if (!(await stopAndRemove(db, tenant, id, options))) throw noSuchIntegration(id)
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
        'that. If it is still `running`, poll the integration.',
      parameters: versioned,
      responses: { ...shown, ...errors, ...otherVersion },
      async handle(context) {
        const [tenant, id] = [tenantOf(context, 'configure'), idOf(context)]
        const options = await stopOptions(context, tenant, id)
        show(context, await stopIntegration(db, tenant, id, options))
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
        const change = changeBy(context, 'Signing secret rotated via API.')
        const until = timeOf((clock() + overlap_seconds * 1000) * 1000)
        const secret = await rotateSigningSecret({ db, secrets }, { tenant, found }, until, change)
        // The current run ends, and the next one signs with the new secret.
        services.requestHalt(tenant, id)
        context.set('cache-control', 'no-store')
        context.body = { signing_secret: secret, previous_valid_until: until }
      },
    },
  ]

  /** The position from which events are retained. */
  function oldestRetained(): number {
    return positionBefore(clock(), services.retentionDays)
  }

  async function find(tenant: string, id: string): Promise<FoundIntegration> {
    const found = await findIntegration(db, tenant, id)
    if (!found) throw noSuchIntegration(id)
    return found
  }

  async function stopOptions(context: RequestContext, tenant: string, id: string) {
    const version = async () => (await find(tenant, id)).version
    const ifVersion = await askedVersion(context, 'the integration', version)
    const { requestHalt } = services
    return { ...changeBy(context, 'Stopped via API.'), requestHalt, ifVersion }
  }
}

function show(context: RequestContext, found: FoundIntegration): void {
  context.set('etag', etagOf(found.version))
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
