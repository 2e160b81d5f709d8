// The mails that a job would send now, and a test mail to one address (docs/notifications.md).
// Neither marks a notice as mailed.

import { Type } from 'typebox'
import { limits } from '../../config.ts'
import type { Database, Db } from '../../db/pool.ts'
import { type Fault, fault, invalid } from '../../errors.ts'
import { onCloseOf, readJson } from '../../http/body.ts'
import { createBudget } from '../../http/budget.ts'
import type { Parameter, RequestContext, Route } from '../../http/route.ts'
import { tenantHeader, tenantOf } from '../../http/tenant.ts'
import { createTurns } from '../../http/turns.ts'
import { compile } from '../../http/validate.ts'
import { queryParameter, wholeOf } from '../../input/query.ts'
import { commonErrors } from '../../integration/schemas.ts'
import { noteJob } from '../change.ts'
import { type FoundJob, findJob } from '../find.ts'
import { idOf, JOBS, jobParameter, noSuchJob, oneErrors } from '../routes.ts'
import { type Mailers, requireMailer } from '../sender/mailers.ts'
import { previewJob } from './preview.ts'
import { sampleMail } from './sample.ts'
import { CustomerId, MOST_SHOWN, Preview, SHOWN, TestMail, TestMailResult } from './schemas.ts'

/** Previews at once; each may read thousands of customers. And test mails on their way. */
const PREVIEWS = 2
const TESTS = 4

const previewParameters: Parameter[] = [
  queryParameter(
    'limit',
    'The most mails to show, and customers for each reason.',
    Type.Integer({ minimum: 1, maximum: MOST_SHOWN, default: SHOWN }),
  ),
  queryParameter(
    'customer_id',
    'Only for this customer: do they get a mail, and if not, why?',
    CustomerId,
  ),
]

/** `reading`: a database for readers. */
type TrialServices = { db: Db; reading: Database; mailerOf: Mailers['of'] }

/** The routes that try a job. */
export function trialRoutes({ db, reading, mailerOf }: TrialServices): Route[] {
  const inTurn = createTurns(reading, PREVIEWS)
  const sending = createBudget(TESTS, 'Too many test mails at once; try again.')
  const checkTest = compile(TestMail)
  const checkCustomer = compile(Type.Object({ customer_id: Type.Optional(CustomerId) }))
  const common = { family: 'configuration', tag: 'Notification jobs' } as const
  const parameters = [tenantHeader, jobParameter]

  return [
    {
      ...common,
      method: 'get',
      path: `${JOBS}/:job_id/preview`,
      scope: 'read',
      operationId: 'previewJob',
      summary: 'Who would get a mail if the job ran now, and with what.',
      description:
        'Nothing is sent, and nothing changes. It asks as a run does, in one snapshot, whether ' +
        'the job is active or not. The answer has personal data, as the events of customers have.',
      parameters: [...parameters, ...previewParameters],
      responses: { 200: { description: 'What it would send.', schema: Preview }, ...oneErrors },
      async handle(context) {
        const tenant = tenantOf(context, 'read')
        const { customer_id: customer } = checkCustomer(pick(context, 'customer_id'))
        const shown = shownOf(context)
        const { id } = await find(tenant, context)
        const preview = await inTurn(context, tenant, (db) =>
          previewJob(db, tenant, id, { shown, customer }),
        )
        if (!preview) throw noSuchJob(id)
        context.body = preview
      },
    },
    {
      ...common,
      method: 'post',
      path: `${JOBS}/:job_id/_test`,
      scope: 'configure',
      limited: 'changes',
      operationId: 'testJob',
      summary: 'Send one test mail to an address.',
      description:
        'To this address alone, with the data of the customer, or of the first one who would get ' +
        'a mail now. No notice counts as mailed. The log keeps who asked for it.',
      parameters,
      body: TestMail,
      responses: {
        200: { description: 'It was tried, with this result.', schema: TestMailResult },
        ...commonErrors,
        ...oneErrors,
        409: { description: 'There is no sender.' },
      },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const job = await find(tenant, context)
        const test = checkTest(await readJson(context, limits.configurationBytes))
        const { actor } = context.state.identity
        const release = await sending(tenant, 1, onCloseOf(context.res))
        context.body = await sendTest(tenant, job, { ...test, actor }).finally(release)
      },
    },
  ]

  async function find(tenant: string, context: RequestContext): Promise<FoundJob> {
    const id = idOf(context)
    const found = await findJob(db, tenant, id)
    if (!found) throw noSuchJob(id)
    if (found.document.deleted) throw invalid([fault('deleted', 'invalid', 'is true')])
    return found
  }

  async function sendTest(
    tenant: string,
    job: FoundJob,
    { email, customer_id, actor }: TestMail & { actor: string },
  ): Promise<TestMailResult> {
    const mailer = requireMailer(await mailerOf(tenant))
    const sample = await sampleMail(reading.kysely, tenant, job, customer_id)
    if (!sample) throw invalid([fault('customer_id', 'unknown', 'is no customer of the shop')])
    const { template_id } = job.document
    const shown = customer_id === undefined ? '' : ` with the data of customer ${customer_id}`
    const reason = `Test mail sent to ${email}${shown} via API.`
    await noteJob(db, tenant, job.id, { action: 'test_mail_sent', actor, reason })
    const outcome = await mailer.send(template_id, [{ email, data: sample.data }])
    return {
      outcome: outcome.kind,
      reason: outcome.kind === 'accepted' ? null : outcome.reason,
      email,
      template_id,
      ...sample,
    }
  }
}

/** A parameter of the query that was given. */
function pick({ query }: RequestContext, name: string): object {
  return query[name] === undefined ? {} : { [name]: query[name] }
}

function shownOf({ query }: RequestContext): number {
  const faults: Fault[] = []
  const shown = wholeOf(query, 'limit', { least: 1, most: MOST_SHOWN, faults }) ?? SHOWN
  if (faults.length > 0) throw invalid(faults)
  return shown
}
