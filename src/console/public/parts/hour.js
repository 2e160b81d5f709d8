// The last hour of a stream as charts, from the service's own records: failures and latency.

import { ask } from '../app/api.js'
import { html } from '../app/html.js'
import { t } from '../app/text.js'
import { Chart } from './chart.js'
import { Loaded, usePolled } from './polled.js'

const POLL_MS = 20_000
const axis = { count: 60, step: 60 }

/**
 * @typedef {{ delivered: number, rejected: number, failed: number,
 *   latency_ms: { p99: number | null } }} Minute
 */

/** @param {{ path: string }} props */
export function LastHour({ path }) {
  const polled = usePolled(
    async (signal) => {
      const { minutes } = await ask(`${path}/stats/minutes`, { signal })
      return /** @type {Minute[]} */ (minutes)
    },
    POLL_MS,
    [path],
  )
  const minutes = polled.data ?? []
  const charts = /** @type {const} */ ([
    ['chart.delivered', minutes.map(({ delivered }) => delivered)],
    ['chart.failures', minutes.map(({ failed, rejected }) => failed + rejected)],
    ['chart.p99', minutes.map(({ latency_ms }) => latency_ms.p99)],
  ])
  return html`<section aria-labelledby="hour">
    <h2 id="hour">${t('chart.hour')}</h2>
    <${Loaded} of=${polled}>
      <div class="charts">
        ${charts.map(
          ([title, values]) => html`<${Chart} key=${title} title=${t(title)} values=${values}
            ...${axis} />`,
        )}
      </div>
    <//>
  </section>`
}
