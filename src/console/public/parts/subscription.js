// A subscription: its state with the acts on it, and everything that belongs to it.

import { ask, change } from '../app/api.js'
import { html } from '../app/html.js'
import { goTo, linkTo } from '../app/route.js'
import { mayConfigure } from '../app/session.js'
import { addressOf, pathOfSubscription, SUBSCRIPTIONS_PATH } from '../app/subscriptions.js'
import { formatNumber, formatSeconds, t } from '../app/text.js'
import { askToSkip } from './acts.js'
import { openDialog } from './dialog.js'
import { GoneState, isNotFound } from './gone.js'
import { LastHour } from './hour.js'
import { Log } from './log.js'
import { Plain } from './plain.js'
import { Loaded, usePolled } from './polled.js'
import { RejectedEvents } from './rejected.js'
import { Replays } from './replays.js'
import { MOST_REJECTED, useIsFull } from './room.js'
import { HealthState, State } from './state.js'
import { EditSubscription, takenBy } from './subscription-form.js'
import { Tabs } from './tabs.js'
import { Undelivered } from './undelivered.js'
import { readVersion } from './versioned.js'

const POLL_MS = 3_000

/** @typedef {import('../app/subscriptions.js').Subscription} Subscribed */
/** @typedef {import('../app/text.js').TextKey} TextKey */
/** @type {{ path: string, title: TextKey, part: (props: any) => any }[]} */
const tabs = [
  { path: '', title: 'figures', part: Now },
  { path: 'log', title: 'log', part: Log },
  { path: 'rejected', title: 'rejected.title', part: RejectedEvents },
  { path: 'undelivered', title: 'undelivered', part: Undelivered },
  { path: 'replays', title: 'replays', part: Replays },
  { path: 'edit', title: 'edit.tab', part: EditSubscription },
]

/** @param {{ id: string, tab: string }} props */
export function Subscription({ id, tab }) {
  const path = pathOfSubscription(id)
  const polled = usePolled((signal) => ask(path, { signal }), POLL_MS, [id])
  return html`<h1 tabindex="-1"><${Plain} text=${id} /></h1>
    ${
      isNotFound(polled.error)
        ? html`<${Gone} id=${id} path=${path} tab=${tab} />`
        : html`<${Loaded} of=${polled}>
          <section aria-label=${t('state')}>
            ${polled.data && html`<${Head} subscription=${polled.data} />`}
          </section>
          <${Parts} id=${id} path=${path} tab=${tab} subscription=${polled.data} />
        <//>`
    }`
}

/**
 * The past of one that was removed; if there never was one, the error of the service.
 * @param {{ id: string, path: string, tab: string }} props
 */
function Gone({ id, path, tab }) {
  const polled = usePolled((signal) => ask(`${path}/stats`, { signal }), POLL_MS, [id])
  return html`<${Loaded} of=${polled}>
    <${GoneState} id=${id} />
    <${Parts} id=${id} path=${path} tab=${tab} />
  <//>`
}

/** @param {{ id: string, path: string, tab: string, subscription?: Subscribed }} props */
function Parts({ id, path, tab, subscription }) {
  const isGone = subscription === undefined
  const shown = tabs.filter((one) => one.path !== 'edit' || (!isGone && mayConfigure.value))
  const { part } = shown.find((one) => one.path === tab) ?? /** @type {typeof tabs[0]} */ (tabs[0])
  return html`<${Tabs} of=${['subscriptions', id]} label=${t('subscriptions.one')} current=${tab}
      tabs=${shown} />
    <${part} id=${id} path=${path} subscription=${subscription} isGone=${isGone} />`
}

/** @param {{ subscription: Subscribed }} props */
function Head({ subscription: { id, active, health } }) {
  const isFull = useIsFull(pathOfSubscription(id), health)
  const mayAct = mayConfigure.value
  const position = health?.position ?? null
  const of = { id, path: pathOfSubscription(id), isStopped: !active }
  const skip = () => askToSkip(of, position ?? 0, String(position))
  const isQuiet = health?.state === 'ok' && !health.passed_over
  return html`<p class="headline">
      ${
        active && health
          ? html`<${HealthState} health=${health} />`
          : html`<${State} state=${active ? 'ok' : 'stopped'} />`
      }
    </p>
    ${health && !isQuiet && html`<p class="quiet detail"><${Plain} text=${health.message} /></p>`}
    ${isFull && html`<p>${t('attention.full', { id, most: MOST_REJECTED })}</p>`}
    <div class="buttons">
      ${
        position !== null &&
        html`<a class="button" href=${linkTo(['events', position])}>${t('event.open')}</a>`
      }
      ${
        isFull &&
        html`<a class="button" href=${linkTo(['subscriptions', id, 'rejected'])}>
          ${t('rejected.title')}
        </a>`
      }
      ${
        mayAct &&
        !isFull &&
        position !== null &&
        html`<button onClick=${skip}>${t('skip')}</button>`
      }
      ${
        mayAct &&
        !isFull &&
        (active
          ? html`<button onClick=${() => askToDeactivate(id)}>${t('subscriptions.stop')}</button>`
          : html`<button onClick=${() => askToActivate(id)}>${t('subscriptions.start')}</button>`)
      }
      ${mayAct && html`<button onClick=${() => askToDelete(id)}>${t('delete')}</button>`}
    </div>`
}

/**
 * The figures of this moment, and its settings unless it is gone.
 * @param {{ path: string, subscription?: Subscribed }} props
 */
function Now({ path, subscription }) {
  const polled = usePolled(
    async (signal) =>
      /** @type {import('../app/integrations.js').Statistics} */ (
        await ask(`${path}/stats`, { signal })
      ),
    POLL_MS,
    [path],
  )
  const { data } = polled
  const lines = [
    ...(subscription ? settingsOf(subscription) : []),
    ...(data
      ? [
          [t('rate'), t('perSecond', { count: formatNumber(data.events_per_second) })],
          [t('lag'), `${formatSeconds(data.lag_seconds)} (${formatNumber(data.lag_events)})`],
          [t('counts.delivered'), formatNumber(data.counts.delivered)],
          [t('rejected'), formatNumber(data.counts.rejected)],
        ]
      : []),
  ]
  return html`<section aria-labelledby="figures">
    <h2 id="figures">${t('figures')}</h2>
    <${Loaded} of=${polled}>
      <dl>
        ${lines.map(([name, value]) => html`<dt>${name}</dt><dd><${Plain} text=${value} /></dd>`)}
      </dl>
    <//>
  </section>
  <${LastHour} path=${path} />`
}

/** @param {Subscribed} subscription */
function settingsOf(subscription) {
  const { type, sns, sqs } = subscription.destination
  const { region, endpoint } = sns ?? sqs ?? {}
  return [
    [t('subscriptions.takes'), takenBy(subscription)],
    [type, addressOf(subscription)],
    [t('form.region'), region],
    ...(endpoint ? [[t('form.endpoint'), endpoint]] : []),
  ]
}

/** @param {string} id */
function askToDeactivate(id) {
  openDialog({
    title: t('subscriptions.stopTitle', { id }),
    text: t('subscriptions.stopText'),
    confirm: t('subscriptions.stop'),
    isDangerous: true,
    async act() {
      await change(`${pathOfSubscription(id)}/deactivate`, { method: 'PUT' })
      return t('subscriptions.stopped', { id })
    },
  })
}

/** @param {string} id */
function askToActivate(id) {
  openDialog({
    title: t('subscriptions.startTitle', { id }),
    text: t('start.text'),
    confirm: t('subscriptions.start'),
    async act() {
      const { etag, document } = await readVersion(pathOfSubscription(id))
      const body = { ...document, active: true }
      await change(SUBSCRIPTIONS_PATH, { method: 'PUT', headers: { 'if-match': etag }, body })
      return t('subscriptions.started', { id })
    },
  })
}

/** @param {string} id */
function askToDelete(id) {
  openDialog({
    title: t('subscriptions.deleteTitle', { id }),
    text: t('subscriptions.deleteText'),
    confirm: t('delete'),
    isDangerous: true,
    async act() {
      await change(pathOfSubscription(id), { method: 'DELETE' })
      goTo(['subscriptions'])
      return t('subscriptions.deleted', { id })
    },
  })
}
