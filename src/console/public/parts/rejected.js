// The rejected events of an integration or a subscription: what was sent, what the target said, and
// what to do now.

import { useEffect, useState } from 'preact/hooks'
import { ask, request } from '../app/api.js'
import { html } from '../app/html.js'
import { eventOf } from '../app/payload.js'
import { linkTo } from '../app/route.js'
import { mayConfigure } from '../app/session.js'
import { formatTime, nameOf, t } from '../app/text.js'
import { askToDelete, askToDeleteAll, askToRetryAll, retryRejected } from './acts.js'
import { Text } from './exchange.js'
import { notify } from './notices.js'
import { Payload } from './payload.js'
import { Plain } from './plain.js'
import { Loaded, usePolled } from './polled.js'
import { MOST_REJECTED } from './room.js'

const POLL_MS = 5_000

/**
 * @typedef {{ id: string, created_at: string, name: string, position: number,
 *   cause: 'rejected' | 'skipped', status: number | null, response: string }} Rejected
 */

/** @param {{ path: string, isGone?: boolean }} props `isGone`: nothing can be sent any more */
export function RejectedEvents({ path, isGone = false }) {
  const polled = usePolled(
    async (signal) => {
      const answer = await ask(`${path}/rejected_events`, { signal })
      return /** @type {Rejected[]} */ (answer.rejected_events)
    },
    POLL_MS,
    [path],
  )
  const events = polled.data ?? []
  const of = { path, isGone }
  const room = { count: events.length, most: MOST_REJECTED }
  return html`<section aria-labelledby="rejected">
    <h2 id="rejected">${t('rejected.title')}</h2>
    <${Loaded} of=${polled}>
      ${
        events.length === 0
          ? html`<p class="empty">${t('rejected.none')}</p>`
          : html`<p>${t(isGone ? 'rejected.ofGone' : 'rejected.room', room)}</p>
            ${mayConfigure.value && html`<${ForAll} ...${of} count=${events.length} />`}
            <ol class="rows">
              ${events.map((event) => html`<${Row} key=${event.id} ...${of} event=${event} />`)}
            </ol>`
      }
    <//>
  </section>`
}

/** @param {{ path: string, count: number, isGone: boolean }} props */
function ForAll({ path, count, isGone }) {
  return html`<div class="buttons">
    ${
      !isGone &&
      html`<button onClick=${() => askToRetryAll(path, count)}>${t('rejected.retryAll')}</button>`
    }
    <button onClick=${() => askToDeleteAll({ path, isGone }, count)}>
      ${t('rejected.deleteAll')}
    </button>
  </div>`
}

/** @param {{ path: string, event: Rejected, isGone: boolean }} props */
function Row({ path, event, isGone }) {
  const { name, position, status, response, cause, created_at } = event
  const [isOpen, setOpen] = useState(false)
  const [isBusy, setBusy] = useState(false)
  const retry = async () => {
    setBusy(true)
    await retryRejected(path, event).then(notify, (error) =>
      notify(t('failed', { why: error.message })),
    )
    setBusy(false)
  }
  const what = html`<span class="for-readers"> ${name} ${position}</span>`
  return html`<li>
    <p>
      <strong><a href=${linkTo(['events', position])}><${Plain} text=${name} /></a></strong>
      <span class="quiet"> ${nameOf('state', cause)} ${formatTime(created_at)}</span>
      ${status !== null && html` · HTTP ${status}`}
    </p>
    ${response && html`<${Text} label=${t('rejected.response')} text=${response} />`}
    <div class="buttons">
      <button aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>
        ${t('payload')}${what}
      </button>
      ${
        mayConfigure.value &&
        !isGone &&
        html`<button disabled=${isBusy} onClick=${retry}>${t('rejected.retry')}${what}</button>`
      }
      ${
        mayConfigure.value &&
        html`<button onClick=${() => askToDelete({ path, isGone }, event)}>
          ${t('delete')}${what}
        </button>`
      }
    </div>
    ${isOpen && html`<${Stored} path=${`${path}/rejected_events/${event.id}`} />`}
  </li>`
}

/** @param {{ path: string }} props */
function Stored({ path }) {
  const [payload, setPayload] = useState('')
  const [error, setError] = useState('')
  useEffect(() => {
    request(path)
      .then((answer) => answer.text())
      .then((text) => setPayload(eventOf(text).payload))
      .catch((failure) => setError(failure.message))
  }, [])
  if (error) return html`<p class="problem" role="alert">${t('failed', { why: error })}</p>`
  return payload && html`<${Payload} text=${payload} />`
}
