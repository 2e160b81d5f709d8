// Cron schedules: five fields, in a time zone. Pure: the time is an argument. If a clock skips the
// time of a daily run, it comes right after; if a clock repeats that time, it comes once.

import { Cron } from 'croner'

const FIELDS = 5

/** Cron, and the IANA name of the time zone that it is read in. */
type Schedule = { schedule: string; timezone: string }

/** The next time of a schedule after `after` (ms since 1970); undefined if there is none. */
export function nextRun(schedule: Schedule, after: number): number | undefined {
  return parse(schedule).nextRun(new Date(after))?.getTime()
}

/** Whether it is the name of a time zone. Offsets such as `+01:00` have none. */
export function isTimezone(name: string): boolean {
  try {
    return /^[A-Za-z]/.test(name) && Boolean(new Intl.DateTimeFormat('en', { timeZone: name }))
  } catch {
    return false
  }
}

/** Why a text is not a schedule, as a sentence; undefined if it is one. */
export function faultOfSchedule(schedule: string, now: number): string | undefined {
  const fields = schedule.trim().split(/\s+/).length
  if (fields !== FIELDS) return `must have ${FIELDS} fields (minute hour day month weekday)`
  try {
    const next = nextRun({ schedule, timezone: 'UTC' }, now)
    return next === undefined ? 'never matches: there is no such day' : undefined
  } catch (error) {
    return `is not a cron schedule: ${(error as Error).message.replace(/^CronPattern: /, '')}`
  }
}

function parse({ schedule, timezone }: Schedule): Cron {
  return new Cron(schedule.trim(), { mode: '5-part', timezone, paused: true })
}
