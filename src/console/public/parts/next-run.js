// When a job runs next: in its time zone, and in the reader's if that is another.

import { html } from '../app/html.js'
import { momentIn, ownZone } from '../app/jobs.js'
import { t } from '../app/text.js'

/** @param {{ job: import('../app/jobs.js').Job }} props */
export function NextRun({ job: { next_run_at: moment, timezone } }) {
  if (moment === null) return t('jobs.noRun')
  const there = momentIn(moment, timezone)
  const here = momentIn(moment, ownZone())
  const inMine = html`<br /><span class="quiet small">${t('jobs.here', { time: here })}</span>`
  return html`<span>
    <time dateTime=${moment}>${there}</time> <span class="quiet">${timezone}</span>
    ${here !== there && inMine}
  </span>`
}
