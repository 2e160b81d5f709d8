// Notification jobs: reading them, and their schedules and times for people.

import { ask } from './api.js'
import { language, t } from './text.js'

/**
 * @typedef {{ id: string, deleted: boolean, is_active: boolean, is_scheduled: boolean,
 *   notification: string, schedule: string, scheduleExpression?: string, timezone: string,
 *   template_id: string, number_of_items_in_email: number, max_mails_per_week: number | null,
 *   job_parameters: { campaign_id?: string, utm_medium?: string },
 *   next_run_at: string | null }} Job
 */

export const JOBS_PATH = 'api/v1/jobs'

/** @param {string} id @param {string} [rest] */
export const jobPath = (id, rest = '') => `${JOBS_PATH}/${encodeURIComponent(id)}${rest}`

/**
 * Those that are not deleted, in the order of their creation.
 * @param {AbortSignal} signal
 * @returns {Promise<Job[]>}
 */
export async function listJobs(signal) {
  /** @type {Job[]} */
  const jobs = await ask(JOBS_PATH, { signal })
  return jobs.filter(({ deleted }) => !deleted)
}

/** How it runs: a word of the texts `state`. @param {Job} job */
export function stateOf({ deleted, is_active, is_scheduled }) {
  if (deleted) return 'deleted'
  if (!is_active) return 'switched_off'
  return is_scheduled ? 'scheduled' : 'by_hand'
}

/** The time zone of the reader. */
export const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone

/**
 * A moment in a time zone.
 * @param {string} moment
 * @param {string} timeZone
 */
export function momentIn(moment, timeZone) {
  const locale = language.value === 'de' ? 'de' : 'en-GB'
  const format = new Intl.DateTimeFormat(locale, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    timeZone,
  })
  return format.format(new Date(moment))
}

/** A schedule as a sentence; the schedule itself if it has none here. @param {Job} job */
export function scheduleInWords({ schedule, scheduleExpression }) {
  return wordsOf(schedule.trim().split(/\s+/)) ?? (scheduleExpression || schedule)
}

/** @param {string[]} fields */
function wordsOf([minute = '', hour = '', day = '', month = '', weekday = '']) {
  if (month !== '*') return undefined
  const isEveryDay = day === '*' && weekday === '*'
  const [, step] = /^\*\/(\d+)$/.exec(minute) ?? []
  if (step && hour === '*' && isEveryDay) return t('jobs.everyMinutes', { count: step })
  if (!/^\d+$/.test(minute)) return undefined
  if (hour === '*' && isEveryDay) return t('jobs.hourly', { minute: minute.padStart(2, '0') })
  if (!/^\d+(,\d+)*$/.test(hour)) return undefined
  const hours = hour.split(',').map((one) => `${one.padStart(2, '0')}:${minute.padStart(2, '0')}`)
  const time = hours.join(', ')
  if (isEveryDay) return t('jobs.daily', { time })
  if (weekday === '*' && /^\d+$/.test(day)) return t('jobs.monthly', { day, time })
  if (day !== '*') return undefined
  if (/^(1-5|mon-fri)$/i.test(weekday)) return t('jobs.onWeekdays', { time })
  if (!/^[0-7](,[0-7])*$/.test(weekday)) return undefined
  return t('jobs.weekly', { days: weekday.split(',').map(dayName).join(', '), time })
}

/** @param {string} weekday 0 and 7 are Sunday */
function dayName(weekday) {
  // The first of these days was a Sunday.
  const date = new Date(Date.UTC(2023, 0, 1 + Number(weekday)))
  return date.toLocaleDateString(language.value, { weekday: 'long', timeZone: 'UTC' })
}
