// Replays of an integration or a subscription: those that there are, with their progress, and a new
// one, which is counted before it starts.

import { useState } from 'preact/hooks'
import { ask } from '../app/api.js'
import { html } from '../app/html.js'
import { mayConfigure } from '../app/session.js'
import { formatNumber, formatSeconds, formatTime, t } from '../app/text.js'
import { askToCancelReplay, askToReplay } from './acts.js'
import { lastDay, Period, periodOf } from './period.js'
import { Plain } from './plain.js'
import { Loaded, usePolled } from './polled.js'
import { State } from './state.js'

const POLL_MS = 2_000
const ENDED = ['completed', 'cancelled', 'failed', 'cancelling']

/**
 * @typedef {{ number: number, state: string, reason: string, from: string, to: string,
 *   total: number | null, is_estimate: boolean, delivered: number, rejected: number,
 *   events_per_second: number, estimated_seconds_left: number | null, started_by: string,
 *   started_at: string }} Replay
 */

/** @param {{ id: string, path: string, isGone?: boolean }} props `isGone`: nothing can be sent */
export function Replays({ id, path, isGone = false }) {
  const polled = usePolled(
    async (signal) => {
      const { replays } = await ask(`${path}/replays`, { signal })
      return /** @type {Replay[]} */ (replays)
    },
    POLL_MS,
    [path],
  )
  const replays = polled.data ?? []
  return html`${mayConfigure.value && !isGone && html`<${NewReplay} id=${id} path=${path} />`}
    <section aria-labelledby="replays">
      <h2 id="replays">${t('replays')}</h2>
      <${Loaded} of=${polled}>
        ${
          replays.length === 0
            ? html`<p class="empty">${t('replays.none')}</p>`
            : html`<ol class="rows">
              ${replays.map((one) => html`<${Row} key=${one.number} path=${path} replay=${one} />`)}
            </ol>`
        }
      <//>
    </section>`
}

/** @param {{ path: string, replay: Replay }} props */
function Row({ path, replay }) {
  const { number, state, reason, from, to, total, delivered, rejected } = replay
  const settled = delivered + rejected
  const values = {
    settled: formatNumber(settled),
    total: `${replay.is_estimate ? '≈ ' : ''}${formatNumber(total)}`,
    rate: formatNumber(replay.events_per_second),
    left: formatSeconds(replay.estimated_seconds_left),
  }
  const isOver = ENDED.includes(state)
  return html`<li>
    <p>
      <strong>${t('replay', { number })}</strong> <${State} state=${state} />
      <span class="quiet"> ${formatTime(from)} – ${formatTime(to)}</span>
    </p>
    <p>
      <progress max=${Math.max(total ?? settled, settled, 1)} value=${settled}
        aria-label=${t('replay', { number })}></progress>
    </p>
    <p>${t(isOver ? 'replay.ended' : 'replay.progress', values)}</p>
    <p class="quiet">
      <${Plain} text=${reason} /> · <${Plain} text=${replay.started_by} />,
      ${' '}${formatTime(replay.started_at)}
    </p>
    ${
      mayConfigure.value &&
      !isOver &&
      html`<button onClick=${() => askToCancelReplay(path, number)}>
        ${t('replay.cancel')}<span class="for-readers"> ${number}</span>
      </button>`
    }
  </li>`
}

/** @param {{ id: string, path: string }} props */
function NewReplay({ id, path }) {
  const [period] = useState(lastDay)
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState('')
  /** @param {SubmitEvent} event */
  const submit = async (event) => {
    event.preventDefault()
    const form = /** @type {HTMLFormElement} */ (event.currentTarget)
    const rate = Number(new FormData(form).get('rate'))
    setBusy(true)
    setError('')
    const body = { ...periodOf(form), ...(rate > 0 ? { rate } : {}) }
    await askToReplay({ id, path }, body).catch((failure) => setError(failure.message))
    setBusy(false)
  }
  return html`<section aria-labelledby="new-replay">
    <h2 id="new-replay">${t('replay.new')}</h2>
    <p class="quiet">${t('replay.hint')}</p>
    <form class="inline" onSubmit=${submit}>
      <${Period} ...${period} />
      <label class="field">${t('replay.rate')}
        <input type="number" name="rate" min="1" max="1000000" />
      </label>
      <button disabled=${isBusy}>${isBusy ? t('working') : t('replay.count')}</button>
    </form>
    ${error && html`<p class="problem" role="alert">${error}</p>`}
  </section>`
}
