// The overview: trouble first, every integration at a glance, and the events of this moment.

import { ask } from '../app/api.js'
import { html } from '../app/html.js'
import { listIntegrations, pathOf, readStatistics } from '../app/integrations.js'
import { linkTo } from '../app/route.js'
import { mayConfigure } from '../app/session.js'
import { formatMs, formatNumber, formatSeconds, formatTime, t } from '../app/text.js'
import { Attention } from '../parts/attention.js'
import { Chart } from '../parts/chart.js'
import { SECONDS_SHOWN, useLive } from '../parts/live.js'
import { Plain } from '../parts/plain.js'
import { Loaded, usePolled } from '../parts/polled.js'
import { HealthState, State } from '../parts/state.js'

/**
 * @typedef {import('../app/integrations.js').Integration} Integration
 * @typedef {{ id: string, stats: import('../app/integrations.js').Statistics,
 *   rejectedNow: number }} Figures
 */

const HEALTH_MS = 3_000
const STATISTICS_MS = 6_000

export function Overview() {
  const health = usePolled(listIntegrations, HEALTH_MS)
  const ids = health.data?.map(({ id }) => id).join() ?? ''
  const figures = usePolled((signal) => readFigures(ids, signal), STATISTICS_MS, [ids])
  const integrations = health.data ?? []
  return html`<h1 tabindex="-1">${t('overview.title')}</h1>
    <${Loaded} of=${health}>
      ${
        integrations.length === 0
          ? html`<${NoIntegration} />`
          : html`<${Attention} integrations=${integrations} />
            <${Integrations} integrations=${integrations} figures=${figures.data ?? new Map()} />`
      }
    <//>
    <${Live} />`
}

/**
 * Statistics and stored rejected events by integration. One that has just gone has none.
 * @param {string} ids
 * @param {AbortSignal} signal
 */
async function readFigures(ids, signal) {
  const known = ids === '' ? [] : ids.split(',')
  const found = await Promise.all(
    known.map(async (id) => {
      try {
        const [stats, { rejected_events }] = await Promise.all([
          readStatistics(id, signal),
          ask(pathOf(id, '/rejected_events'), { signal }),
        ])
        return { id, stats, rejectedNow: rejected_events.length }
      } catch {
        return undefined
      }
    }),
  )
  return new Map(found.flatMap((one) => (one ? [[one.id, one]] : [])))
}

function NoIntegration() {
  return html`<section class="empty">
    <h2>${t('overview.noIntegration')}</h2>
    <p>${t('overview.registerOne')}</p>
    <${ToRegister} />
    <p><a href="docs">${t('docs')}</a></p>
  </section>`
}

function ToRegister() {
  if (!mayConfigure.value) return null
  return html`<p><a class="button" href=${linkTo(['new-integration'])}>${t('new.title')}</a></p>`
}

/** @param {{ integrations: Integration[], figures: Map<string, Figures> }} props */
function Integrations({ integrations, figures }) {
  return html`<section aria-labelledby="integrations">
    <h2 id="integrations">${t('integrations')}</h2>
    <div class="scrolls">
      <table class="cards">
        <thead><tr>
          <th scope="col">${t('integration')}</th><th scope="col">${t('state')}</th>
          <th scope="col" class="number">${t('rate')}</th>
          <th scope="col" class="number">${t('lag')}</th>
          <th scope="col" class="number">${t('latency')}</th>
          <th scope="col" class="number">${t('rejected')}</th>
          <th scope="col">${t('lastDelivery')}</th>
        </tr></thead>
        <tbody>
          ${integrations.map(
            (one) => html`<${Line} key=${one.id} integration=${one}
              figures=${figures.get(one.id)} />`,
          )}
        </tbody>
      </table>
    </div>
    <${ToRegister} />
  </section>`
}

/** @param {{ integration: Integration, figures?: Figures }} props */
function Line({ integration: { id, health, status }, figures }) {
  const { stats, rejectedNow } = figures ?? {}
  const rate = t('perSecond', { count: formatNumber(stats?.events_per_second) })
  const lag = formatSeconds(stats && (stats.lag_events > 0 ? stats.lag_seconds : 0))
  const { p50, p99 } = stats?.latency_ms ?? {}
  const rejected = html`<a href=${linkTo(['integrations', id, 'rejected'])}>
    ${formatNumber(rejectedNow)}<span class="for-readers"> ${t('rejected')} ${id}</span>
  </a>`
  return html`<tr>
    <th scope="row"><a href=${linkTo(['integrations', id])}><${Plain} text=${id} /></a></th>
    <td data-label=${t('state')}>
      <span>${
        health ? html`<${HealthState} health=${health} />` : html`<${State} state=${status} />`
      }</span>
    </td>
    <td data-label=${t('rate')} class="number">${rate}</td>
    <td data-label=${t('lag')} class="number">
      ${lag}${stats && stats.lag_events > 0 && ` (${formatNumber(stats.lag_events)})`}
    </td>
    <td data-label=${t('latency')} class="number">${formatMs(p50)} / ${formatMs(p99)}</td>
    <td data-label=${t('rejected')} class="number">
      ${rejectedNow ? rejected : formatNumber(rejectedNow)}
    </td>
    <td data-label=${t('lastDelivery')}>${formatTime(stats?.last_delivery_at)}</td>
  </tr>`
}

function Live() {
  const { events, perSecond, isOpen, isLoaded } = useLive()
  return html`<section aria-labelledby="live">
    <h2 id="live">
      ${t('live.title')}${' '}
      <span class="quiet small">${t(isOpen ? 'live.open' : 'live.closed')}</span>
    </h2>
    <${Chart} title=${t('live.chart')} values=${perSecond} count=${SECONDS_SHOWN} />
    ${
      isLoaded && events.length === 0
        ? html`<p class="empty">${t('live.empty')}</p>`
        : html`<ol class="feed">
          ${events.map(
            ({ position, name, entity_id, published_at }) => html`<li key=${position}>
              <time dateTime=${published_at}>${formatTime(published_at)}</time>
              <a href=${linkTo(['events', position])}><${Plain} text=${name} /></a>
              <span><${Plain} text=${entity_id} /></span>
            </li>`,
          )}
        </ol>`
    }
  </section>`
}
