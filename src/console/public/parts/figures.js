// The figures of an integration at this moment, and its settings.

import { useEffect, useState } from 'preact/hooks'
import { html } from '../app/html.js'
import { readStatistics } from '../app/integrations.js'
import { formatMs, formatNumber, formatSeconds, formatTime, t } from '../app/text.js'
import { Chart } from './chart.js'
import { LastHour } from './hour.js'
import { Plain } from './plain.js'
import { Loaded, usePolled } from './polled.js'

const POLL_MS = 2_000
/** Of the charts: four minutes. */
const POINTS = 120
const axis = { count: POINTS, step: POLL_MS / 1_000 }

/**
 * @param {{ id: string, path: string,
 *   integration?: import('../app/integrations.js').Integration }} props without one: it is gone
 */
export function Figures({ id, path, integration }) {
  const polled = usePolled((signal) => readStatistics(id, signal), POLL_MS, [id])
  const [rates, setRates] = useState(/** @type {number[]} */ ([]))
  const [lags, setLags] = useState(/** @type {number[]} */ ([]))
  const { data } = polled
  useEffect(() => {
    if (!data) return
    setRates((old) => [...old, data.events_per_second].slice(-POINTS))
    setLags((old) => [...old, data.lag_seconds].slice(-POINTS))
  }, [data])
  return html`<section aria-labelledby="figures">
      <h2 id="figures">${t('figures')}</h2>
      <${Loaded} of=${polled}>
        <div class="charts">
          <${Chart} title=${t('chart.rate')} values=${rates} ...${axis} />
          <${Chart} title=${t('chart.lag')} values=${lags} ...${axis} />
        </div>
        ${data && html`<${Numbers} stats=${data} />`}
      <//>
    </section>
    <${LastHour} path=${path} />
    ${integration && html`<${Settings} integration=${integration} />`}`
}

/** @param {{ stats: import('../app/integrations.js').Statistics }} props */
function Numbers({ stats: { lag_events, lag_seconds, latency_ms, counts, ...stats } }) {
  const { p50, p90, p99 } = latency_ms
  const lines = [
    [t('rate'), t('perSecond', { count: formatNumber(stats.events_per_second) })],
    [
      t('lag'),
      `${formatSeconds(lag_events === 0 ? 0 : lag_seconds)} (${formatNumber(lag_events)})`,
    ],
    [t('latencies'), [p50, p90, p99].map(formatMs).join(' / ')],
    [t('lastDelivery'), formatTime(stats.last_delivery_at)],
    [t('counts.since'), formatTime(counts.since)],
    [t('counts.delivered'), formatNumber(counts.delivered)],
    [t('rejected'), formatNumber(counts.rejected)],
    [t('counts.filteredOut'), formatNumber(counts.filtered_out)],
  ]
  return html`<dl>${lines.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`
}

/** @param {{ integration: import('../app/integrations.js').Integration }} props */
function Settings({ integration }) {
  const { callback_parameters, s3_parameters, filter_conditions, delivery } = integration
  const filter = [
    ...(filter_conditions?.event_filter ?? []),
    ...(filter_conditions?.entity_filter ?? []).map((entity) => `${entity}.*`),
  ]
  const target = callback_parameters ? { URL: callback_parameters.callback_url } : s3_parameters
  const lines = [
    [t('settings.type'), t(`settings.${integration.integration_type}`)],
    ...Object.entries(target ?? {}).map(([name, value]) => [name, String(value)]),
    [t('settings.filter'), filter.length > 0 ? filter.join(', ') : t('settings.everything')],
    ...(integration.starts_at ? [[t('from'), formatTime(integration.starts_at)]] : []),
    ...(integration.ends_at ? [[t('to'), formatTime(integration.ends_at)]] : []),
    ...Object.entries(delivery ?? {}).map(([name, value]) => [name, String(value)]),
  ]
  return html`<section aria-labelledby="settings">
    <h2 id="settings">${t('settings')}</h2>
    <dl>
      ${lines.map(([name, value]) => html`<dt>${name}</dt><dd><${Plain} text=${value} /></dd>`)}
    </dl>
  </section>`
}
