// Cron schedules: five fields, UTC. Pure: the time is an argument.

import { Cron } from 'croner'

const FIELDS = 5

/** The next time of a schedule after `after` (ms since 1970); undefined if there is none. */
export function nextRun(schedule: string, after: number): number | undefined {
  return parse(schedule).nextRun(new Date(after))?.getTime()
}

/** Why a text is not a schedule, as a sentence; undefined if it is one. */
export function faultOfSchedule(schedule: string, now: number): string | undefined {
  const fields = schedule.trim().split(/\s+/).length
  if (fields !== FIELDS) return `must have ${FIELDS} fields (minute hour day month weekday), in UTC`
  try {
    return nextRun(schedule, now) === undefined ? 'never matches: there is no such day' : undefined
  } catch (error) {
    return `is not a cron schedule: ${(error as Error).message.replace(/^CronPattern: /, '')}`
  }
}

function parse(schedule: string): Cron {
  return new Cron(schedule.trim(), { mode: '5-part', timezone: 'UTC', paused: true })
}
