// The runs of a job, newest first, with what came of them.

import { ask } from '../app/api.js'
import { html } from '../app/html.js'
import { jobPath } from '../app/jobs.js'
import { formatMs, formatNumber, formatTime, t } from '../app/text.js'
import { Plain } from './plain.js'
import { Loaded, usePolled } from './polled.js'
import { State } from './state.js'

const POLL_MS = 3_000

/**
 * @typedef {{ id: string, state: string, cause: 'schedule' | 'manual', requested_at: string,
 *   duration_ms: number | null, next_try_at: string | null, found: number, sent: number,
 *   notices: number, rejected: number, withheld: number, capped: number, unconfirmed: number,
 *   reason: string | null, failures: { customer_id: string, reason: string }[] }} Run
 */

/** @type {('withheld' | 'capped' | 'rejected' | 'unconfirmed')[]} */
const OTHERS = ['withheld', 'capped', 'rejected', 'unconfirmed']

/** @param {{ id: string }} props */
export function JobRuns({ id }) {
  const polled = usePolled(
    async (signal) => {
      const { runs } = await ask(jobPath(id, '/runs'), { signal })
      return /** @type {Run[]} */ (runs)
    },
    POLL_MS,
    [id],
  )
  const runs = polled.data ?? []
  return html`<section aria-labelledby="runs">
    <h2 id="runs">${t('jobs.runs')}</h2>
    <${Loaded} of=${polled}>
      ${
        runs.length === 0
          ? html`<p class="empty">${t('jobs.noRuns')}</p>`
          : html`<ol class="rows">
              ${runs.map((run) => html`<${Row} key=${run.id} run=${run} />`)}
            </ol>`
      }
    <//>
  </section>`
}

/** @param {{ run: Run }} props */
function Row({ run }) {
  const { state, cause, requested_at, duration_ms, next_try_at, failures } = run
  const others = OTHERS.filter((one) => run[one] > 0)
  const values = { customers: formatNumber(run.sent), items: formatNumber(run.notices) }
  return html`<li>
    <p>
      <${State} state=${state} />${' '}
      <time dateTime=${requested_at}>${formatTime(requested_at)}</time>${' '}
      <span class="quiet">
        ${t(cause === 'manual' ? 'jobs.manual' : 'jobs.bySchedule')}
        ${duration_ms !== null && html` · ${formatMs(duration_ms)}`}
      </span>
    </p>
    <p>
      ${t('jobs.sent', values)}
      ${others.map((one) => html` · ${t(`jobs.${one}`, { count: formatNumber(run[one]) })}`)}
    </p>
    ${run.reason && html`<p class="problem"><${Plain} text=${run.reason} /></p>`}
    ${next_try_at && html`<p>${t('jobs.nextTry', { time: formatTime(next_try_at) })}</p>`}
    ${
      failures.length > 0 &&
      html`<details>
        <summary>${t('jobs.failures')}</summary>
        <ul>
          ${failures.map(
            ({ customer_id, reason }) => html`<li>
              <${Plain} text=${customer_id} />: <${Plain} text=${reason} />
            </li>`,
          )}
        </ul>
      </details>`
    }
  </li>`
}
