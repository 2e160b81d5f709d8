// An integration or a subscription that was removed, or has completed. Its log and the like stay
// readable for a while.

import { ApiError } from '../app/api.js'
import { html } from '../app/html.js'
import { t } from '../app/text.js'
import { State } from './state.js'

/** @param {Error | undefined} error of a request for one: it is gone, or never was */
export const isNotFound = (error) => error instanceof ApiError && error.status === 404

/** @param {{ id: string, isCompleted?: boolean }} props */
export function GoneState({ id, isCompleted = false }) {
  return html`<section aria-label=${t('state')}>
    <p class="headline">
      <${State} state=${isCompleted ? 'completed' : 'removed'} />
      ${' '}<strong>${t(isCompleted ? 'gone.completed' : 'gone.removed', { id })}</strong>
    </p>
    <p class="quiet">${t('gone.hint')}</p>
  </section>`
}
