// /api/v1/jobs: notification jobs and their runs (docs/notifications.md). Paths, fields and
// statuses are those of the event collector's Jobs API. It deletes by POST to a job's path; DELETE
// does the same.

import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import { fault, invalid, MillraceError } from '../errors.ts'
import { readJson } from '../http/body.ts'
import { askedVersion, ifMatch } from '../http/if-match.ts'
import { cutPage, type PageRequest, pageOf, pageParameters, unknownPage } from '../http/page.ts'
import type { Parameter, RequestContext, Route } from '../http/route.ts'
import { tenantHeader, tenantOf } from '../http/tenant.ts'
import { compile } from '../http/validate.ts'
import { etagOf } from '../input/etag.ts'
import { commonErrors } from '../integration/schemas.ts'
import { positionOf } from '../log/position.ts'
import { changeJob, createJob } from './change.ts'
import { type FoundJob, findJob, listJobs, presentJob } from './find.ts'
import {
  documentOf,
  faultsOfJob,
  Job,
  JobId,
  JobList,
  JobUpdate,
  NewJob,
  updateJob,
} from './job.ts'
import { JobRun, JobRunList, listJobRuns, requestJobRun } from './run/runs.ts'
import { type Mailers, requireMailer } from './sender/mailers.ts'

export const JOBS = '/api/v1/jobs'

export const jobParameter: Parameter = {
  in: 'path',
  name: 'job_id',
  description: 'Unique identifier of the job.',
  required: true,
  schema: JobId,
  example: 'back-in-stock',
}
export const oneErrors = { ...commonErrors, 404: { description: 'The tenant has no such job.' } }
const changeErrors = {
  ...oneErrors,
  412: { description: "The job's version is not one that If-Match names." },
}

const noSender = {
  409: { description: 'There is no sender: neither the tenant nor the operator has one.' },
}

type JobServices = {
  db: Db
  clock: Clock
  mailerOf: Mailers['of']
  /** Notifies a worker at once; without it the sweep finds the job. */
  onAsked(tenant: string, jobId: string): void
}

/** The routes of notification jobs. */
export function jobRoutes({ db, clock, mailerOf, onAsked }: JobServices): Route[] {
  const checkNew = compile(NewJob)
  const checkUpdate = compile(JobUpdate)
  const common = { family: 'configuration', tag: 'Notification jobs' } as const
  const one = { ...common, path: `${JOBS}/:job_id`, parameters: [tenantHeader, jobParameter] }
  const versioned = [...one.parameters, ifMatch]
  const headers: ['etag'] = ['etag']
  const gone = { 204: { description: 'The job is marked as deleted.' } }

  return [
    {
      ...common,
      method: 'post',
      path: JOBS,
      scope: 'configure',
      limited: 'changes',
      operationId: 'createJob',
      summary: 'Create notification job',
      description: `At most ${limits.jobsPerTenant} a tenant that are not deleted.`,
      parameters: [tenantHeader],
      body: NewJob,
      responses: {
        201: { description: 'The job was created.', schema: Job },
        ...commonErrors,
        ...noSender,
      },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const job = checkNew(await readJson(context, limits.configurationBytes))
        const document = documentOf(job)
        const faults = faultsOfJob(document, clock())
        if (faults.length > 0) throw invalid(faults)
        if (isOn(document)) requireMailer(await mailerOf(tenant))
        const id = job.id ?? randomUUID()
        const change = changeBy(context, 'Created via API.')
        const created = await createJob(db, tenant, id, { ...change, document })
        if (!created) {
          throw invalid([fault('id', 'taken', `${JSON.stringify(id)} names another job`)])
        }
        context.status = 201
        context.body = presentJob(created)
      },
    },
    {
      ...common,
      method: 'get',
      path: JOBS,
      scope: 'read',
      operationId: 'listJobs',
      summary: 'All notification jobs in the order of their creation, deleted ones included.',
      description: 'If there are more, the `Link` header has the next page: `<...>; rel="next"`.',
      parameters: [tenantHeader, ...pageParameters(limits.pageLength)],
      responses: {
        200: { description: 'The jobs.', schema: JobList, headers: ['link'] },
        ...commonErrors,
      },
      async handle(context) {
        const tenant = tenantOf(context, 'read')
        const page = pageOf(context, limits.pageLength)
        const after = positionAfter(page)
        const found = await listJobs(db, tenant, { after, most: page.limit + 1 })
        const { rows, next } = cutPage(found, page, (job) => String(job.createdPosition))
        if (next) context.set('link', `<${JOBS}?limit=${page.limit}&after=${next}>; rel="next"`)
        context.body = rows.map(presentJob)
      },
    },
    {
      ...one,
      method: 'get',
      scope: 'read',
      operationId: 'getJob',
      summary: 'One notification job.',
      responses: { 200: { description: 'The job.', schema: Job, headers }, ...oneErrors },
      async handle(context) {
        show(context, await find(tenantOf(context, 'read'), idOf(context)))
      },
    },
    {
      ...one,
      method: 'put',
      scope: 'configure',
      limited: 'changes',
      operationId: 'updateJob',
      summary: 'Update notification job',
      description: '`deleted: false` restores a deleted job.',
      parameters: versioned,
      body: JobUpdate,
      responses: {
        200: { description: 'The job.', schema: Job, headers },
        ...changeErrors,
        ...noSender,
      },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const id = idOf(context)
        const mailer = await mailerOf(tenant)
        const update = checkUpdate(await readJson(context, limits.configurationBytes))
        if (update.id !== undefined && update.id !== id) {
          throw invalid([fault('id', 'not_allowed', 'cannot be changed')])
        }
        const decide = (old: FoundJob['document']) => {
          const document = updateJob(old, update)
          const faults = faultsOfJob(document, clock())
          if (faults.length > 0) throw invalid(faults)
          if (isOn(document) && !isOn(old)) requireMailer(mailer)
          return { document, action: 'job_updated' }
        }
        const ifVersion = await askedVersion(context, 'the job', versionOf(tenant, id))
        const change = { ...changeBy(context, 'Updated via API.'), ifVersion }
        const changed = await changeJob(db, tenant, id, { ...change, decide })
        if (!changed) throw noSuchJob(id)
        show(context, changed)
      },
    },
    {
      ...one,
      method: 'delete',
      scope: 'configure',
      operationId: 'deleteJob',
      summary: 'Delete notification job',
      parameters: versioned,
      responses: { ...gone, ...changeErrors },
      handle: remove,
    },
    {
      ...one,
      method: 'post',
      scope: 'configure',
      operationId: 'deleteJobByPost',
      summary: 'Delete notification job, as clients of the event collector do.',
      parameters: versioned,
      responses: { ...gone, ...changeErrors },
      handle: remove,
    },
    {
      ...one,
      path: `${one.path}/_run`,
      method: 'post',
      scope: 'configure',
      limited: 'changes',
      operationId: 'runJob',
      summary: 'Run the job now.',
      description: 'If a run is not over yet, the answer is that one.',
      responses: { 201: { description: 'The run.', schema: JobRun }, ...oneErrors },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const { id, document } = await find(tenant, idOf(context))
        if (document.deleted) throw invalid([fault('deleted', 'invalid', 'is true: it never runs')])
        if (!document.is_active) {
          throw invalid([fault('is_active', 'invalid', 'is false: the job does not run')])
        }
        context.status = 201
        context.body = await requestJobRun(db, tenant, id)
        onAsked(tenant, id)
      },
    },
    {
      ...one,
      path: `${one.path}/runs`,
      method: 'get',
      scope: 'read',
      operationId: 'listJobRuns',
      summary: 'The runs of the job, newest first.',
      parameters: [...one.parameters, ...pageParameters(limits.runsListed)],
      responses: { 200: { description: 'The runs.', schema: JobRunList }, ...oneErrors },
      async handle(context) {
        const tenant = tenantOf(context, 'read')
        const { id } = await find(tenant, idOf(context))
        const page = pageOf(context, limits.runsListed)
        const before = page.after === undefined ? undefined : positionOf(page.after)
        if (page.after !== undefined && before === undefined) throw unknownPage()
        const found = await listJobRuns(db, tenant, id, { before, most: page.limit + 1 })
        const { rows: runs, next } = cutPage(found, page, (run) => run.requested_at)
        context.body = { runs, ...(next ? { next } : {}) }
      },
    },
  ]

  async function remove(context: RequestContext): Promise<void> {
    const tenant = tenantOf(context, 'configure')
    const id = idOf(context)
    const decide = (old: FoundJob['document']) =>
      old.deleted ? undefined : { document: { ...old, deleted: true }, action: 'job_deleted' }
    const ifVersion = await askedVersion(context, 'the job', versionOf(tenant, id))
    const change = { ...changeBy(context, 'Deleted via API.'), ifVersion }
    if (!(await changeJob(db, tenant, id, { ...change, decide }))) throw noSuchJob(id)
    context.status = 204
  }

  function versionOf(tenant: string, id: string) {
    return async () => (await find(tenant, id)).version
  }

  async function find(tenant: string, id: string): Promise<FoundJob> {
    const found = await findJob(db, tenant, id)
    if (!found) throw noSuchJob(id)
    return found
  }

  function changeBy(context: RequestContext, reason: string) {
    return { actor: context.state.identity.actor, reason, now: clock() }
  }
}

/** Whether the job may mail somebody. */
const isOn = ({ deleted, is_active }: FoundJob['document']) => is_active && !deleted

function show(context: RequestContext, job: FoundJob): void {
  context.set('etag', etagOf(job.version))
  context.body = presentJob(job)
}

/** The error for a job that the tenant does not have. */
export function noSuchJob(id: string): MillraceError {
  return new MillraceError('not_found', `There is no job ${JSON.stringify(id)}.`)
}

function positionAfter({ after = '0' }: PageRequest): number {
  if (/^\d{1,16}$/.test(after)) return Number(after)
  throw unknownPage()
}

/** The id in the path of a job. */
export function idOf(context: RequestContext): string {
  return context.params['job_id'] as string
}
