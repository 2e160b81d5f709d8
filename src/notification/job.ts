// The document of a notification job: what a client creates, its rules, and its presentation. Field
// names are exactly those of the Jobs API.

import { type Static, Type } from 'typebox'
import { limits } from '../config.ts'
import { type Fault, fault } from '../errors.ts'
import { Nullable } from '../input/nullable.ts'
import { DOTTED } from '../input/pattern.ts'
import { ONE_LINE } from '../input/text.ts'
import { faultOfSchedule, isTimezone, nextRun } from './schedule.ts'

const NOTIFICATIONS = ['BACK_IN_STOCK', 'PRICE_DROP', 'WISHLIST_REMINDER'] as const
export type Notification = (typeof NOTIFICATIONS)[number]

const closed = { additionalProperties: false }
const ShortText = (description: string, example: string, minLength = 0) =>
  Type.String({ minLength, maxLength: 255, pattern: ONE_LINE, examples: [example], description })

const fields = {
  deleted: Type.Boolean({
    examples: [false],
    description: 'A deleted job is kept and never runs.',
  }),
  is_active: Type.Boolean({ description: 'A job that is not active never runs.' }),
  is_scheduled: Type.Boolean({
    description: 'Whether it runs by its schedule; if not, only by `_run`.',
  }),
  job_parameters: Type.Object(
    {
      campaign_id: Type.Optional(ShortText('On every link, as utm_campaign.', 'back-in-stock')),
      utm_medium: Type.Optional(ShortText('On every link.', 'email')),
    },
    { ...closed, title: 'JobParameters' },
  ),
  max_mails_per_week: Nullable(
    Type.Integer({
      minimum: 1,
      maximum: 100,
      examples: [2],
      description:
        'The job mails nobody who has had that many mails in the last seven days, of all jobs of ' +
        'the tenant. Null: there is no cap.',
    }),
  ),
  notification: Type.Enum([...NOTIFICATIONS]),
  number_of_items_in_email: Type.Integer({
    minimum: -1,
    examples: [-1],
    maximum: 1_000,
    description: 'The most items that a mail lists; -1: the whole wishlist.',
  }),
  schedule: Type.String({
    minLength: 1,
    maxLength: 255,
    examples: ['0 9 * * 1-5'],
    description: 'Cron, five fields, in the time zone of the job: `0 9 * * 1-5`.',
  }),
  scheduleExpression: ShortText('The frequency as a sentence.', 'On weekdays, at nine'),
  template_id: ShortText('A dynamic template of SendGrid.', 'd-0123456789abcdef', 1),
  timezone: Type.String({
    minLength: 1,
    maxLength: 64,
    examples: ['Europe/Berlin'],
    description: 'The IANA name of the time zone of its schedule.',
  }),
}

const NextRun = Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
  readOnly: true,
  description: 'Null if it does not run by itself. Ignored in requests.',
})

export const JobId = Type.String({
  maxLength: 100,
  pattern: DOTTED,
  examples: ['back-in-stock'],
})

export const NewJob = Type.Object(
  {
    id: Type.Optional(JobId),
    deleted: Type.Optional(fields.deleted),
    is_active: Type.Optional(fields.is_active),
    is_scheduled: Type.Optional(fields.is_scheduled),
    job_parameters: Type.Optional(fields.job_parameters),
    max_mails_per_week: Type.Optional(fields.max_mails_per_week),
    notification: fields.notification,
    number_of_items_in_email: Type.Optional(fields.number_of_items_in_email),
    schedule: fields.schedule,
    scheduleExpression: Type.Optional(fields.scheduleExpression),
    template_id: fields.template_id,
    timezone: Type.Optional(fields.timezone),
    next_run_at: Type.Optional(NextRun),
  },
  {
    ...closed,
    title: 'JobInput',
    description:
      'Defaults: a new id, is_active and is_scheduled true, deleted false, ' +
      'number_of_items_in_email -1, timezone UTC, max_mails_per_week null.',
  },
)

export const JobUpdate = Type.Partial(NewJob, {
  ...closed,
  title: 'JobUpdate',
  description: 'Fields and parameters that it does not name stay. The id cannot be changed.',
})

export const Job = Type.Object(
  {
    id: Type.String({ examples: ['back-in-stock'] }),
    deleted: fields.deleted,
    is_active: fields.is_active,
    is_scheduled: fields.is_scheduled,
    job_parameters: fields.job_parameters,
    max_mails_per_week: fields.max_mails_per_week,
    notification: fields.notification,
    number_of_items_in_email: fields.number_of_items_in_email,
    schedule: fields.schedule,
    scheduleExpression: Type.Optional(fields.scheduleExpression),
    template_id: fields.template_id,
    timezone: fields.timezone,
    next_run_at: NextRun,
  },
  { title: 'Job' },
)
export const JobList = Type.Array(Job, { title: 'JobList', maxItems: limits.pageLength })

export type NewJob = Static<typeof NewJob>
export type JobUpdate = Static<typeof JobUpdate>
export type Job = Static<typeof Job>

/** Fields that documents of earlier versions lack, with the values that they have there. */
export const NEWER: Pick<Job, 'timezone' | 'max_mails_per_week'> = {
  timezone: 'UTC',
  max_mails_per_week: null,
}

/** The stored document: a Job without its id and its next run. */
export type JobDocument = Omit<Job, 'id' | 'next_run_at' | keyof typeof NEWER> &
  Partial<typeof NEWER>

/** The document of a new job. */
export function documentOf({ id: _, next_run_at: __, ...job }: NewJob): JobDocument {
  const defaults = { deleted: false, is_active: true, is_scheduled: true, job_parameters: {} }
  return { ...defaults, number_of_items_in_email: -1, ...NEWER, ...job }
}

/** A stored document with an update applied. */
export function updateJob(
  old: JobDocument,
  { id: _, next_run_at: __, ...update }: JobUpdate,
): JobDocument {
  const job_parameters = { ...old.job_parameters, ...update.job_parameters }
  return { ...old, ...update, job_parameters }
}

/** The rules for a job that the schemas cannot express, at the time `now` (ms). */
export function faultsOfJob({ schedule, timezone }: JobDocument, now: number): Fault[] {
  const reason = faultOfSchedule(schedule, now)
  const isKnown = timezone === undefined || isTimezone(timezone)
  const unknown = 'is not the IANA name of a time zone, such as Europe/Berlin'
  return [
    ...(reason ? [fault('schedule', 'invalid', reason)] : []),
    ...(isKnown ? [] : [fault('timezone', 'invalid', unknown)]),
  ]
}

/** The next scheduled run after the time `after` (ms); undefined if there is none. */
export function nextRunOf(document: JobDocument, after: number): number | undefined {
  const { deleted, is_active, is_scheduled } = document
  return is_active && is_scheduled && !deleted
    ? nextRun({ ...NEWER, ...document }, after)
    : undefined
}
