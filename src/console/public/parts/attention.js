// The integrations that stand still or fall behind, the worst first: a sentence, and the acts.

import { useEffect, useState } from 'preact/hooks'
import { rememberedEvent } from '../app/events.js'
import { html } from '../app/html.js'
import { pathOf } from '../app/integrations.js'
import { linkTo } from '../app/route.js'
import { mayConfigure, tenant } from '../app/session.js'
import { formatTime, t } from '../app/text.js'
import { askToSkip, askToStart, askToStop, askToTest } from './acts.js'
import { Plain } from './plain.js'
import { MOST_REJECTED, useIsFull } from './room.js'
import { HealthState, State } from './state.js'

/** @typedef {import('../app/integrations.js').Integration} Integration */

const URGENCY = ['failing', 'stopped', 'behind', 'ok']

/** @param {{ integrations: Integration[] }} props */
export function Attention({ integrations }) {
  const urgent = integrations
    .filter(({ health }) => health && health.state !== 'ok')
    .sort((a, b) => urgencyOf(a) - urgencyOf(b))
  return html`<section aria-labelledby="attention">
    <h2 id="attention">${t('attention.title')}</h2>
    ${
      urgent.length === 0
        ? html`<p class="all-well"><${State} state="ok" /> ${t('attention.none')}</p>`
        : html`<ul class="attention">
          ${urgent.map(
            (one) => html`<li key=${one.id}><${Trouble} integration=${one} isLinked /></li>`,
          )}
        </ul>`
    }
  </section>`
}

/** @param {Integration} integration */
const urgencyOf = ({ health }) => URGENCY.indexOf(health?.state ?? 'ok')

/**
 * The state of one, and its buttons.
 * @param {{ integration: Integration, isLinked?: boolean }} props
 */
export function Trouble({ integration, isLinked = false }) {
  const { id, health, status } = integration
  const [event, setEvent] = useState('')
  const position = health?.position ?? null
  useEffect(() => {
    setEvent('')
    if (position === null) return
    void rememberedEvent(tenant.value, position).then((found) => {
      if (found) setEvent(subjectOf(found))
    })
  }, [position])
  const isFull = useIsFull(pathOf(id), health)
  if (!health) return null
  const mayAct = mayConfigure.value
  const isWell = health.state === 'ok'
  const isQuiet = isWell && !health.passed_over
  const isWebhook = integration.callback_parameters !== undefined
  return html`<p class="headline">
      <${HealthState} health=${health} />
      ${!isWell && html`<strong><${Plain} text=${headlineOf(id, health, event)} /></strong>`}
    </p>
    ${!isQuiet && html`<p class="quiet detail"><${Plain} text=${health.message} /></p>`}
    ${isFull && html`<p>${t('attention.full', { id, most: MOST_REJECTED })}</p>`}
    <div class="buttons">
      ${isLinked && link(t('open'), id, linkTo(['integrations', id]))}
      ${position !== null && link(t('event.open'), id, linkTo(['events', position]))}
      ${isFull && link(t('rejected.title'), id, linkTo(['integrations', id, 'rejected']))}
      ${mayAct && isWebhook && act(t('test'), id, () => askToTest(id))}
      ${
        mayAct &&
        isWebhook &&
        !isFull &&
        position !== null &&
        act(t('skip'), id, () =>
          askToSkip(
            { id, path: pathOf(id), isStopped: health.state === 'stopped' },
            position,
            event || String(position),
          ),
        )
      }
      ${mayAct && status === 'running' && act(t('stop'), id, () => askToStop(id))}
      ${mayAct && !isFull && status === 'stopped' && act(t('start'), id, () => askToStart(id))}
    </div>`
}

/** @param {string} name @param {string} id @param {string} href */
const link = (name, id, href) =>
  html`<a class="button" href=${href}>${name}<span class="for-readers"> ${id}</span></a>`

/** @param {string} name @param {string} id @param {() => void} onClick */
const act = (name, id, onClick) =>
  html`<button onClick=${onClick}>${name}<span class="for-readers"> ${id}</span></button>`

/** @param {import('../app/payload.js').LoggedEvent} event */
function subjectOf({ name, entity_id, correlation_ids: { order_id } }) {
  const order = order_id && order_id !== entity_id ? ` (${t('order')} ${order_id})` : ''
  return `${name} ${t('of')} ${entity_id}${order}`
}

/**
 * @param {string} id
 * @param {import('../app/integrations.js').Health} health
 * @param {string} event
 */
function headlineOf(id, { state, since, position, tries, next_try_at }, event) {
  const values = {
    id,
    since: formatTime(since),
    event: event || t('anEvent'),
    tries,
    next: formatTime(next_try_at),
  }
  if (state === 'failing') return t('attention.failing', values)
  if (state === 'behind') return t('attention.behind', values)
  return t(position === null ? 'attention.stopped' : 'attention.stoppedWith', values)
}
