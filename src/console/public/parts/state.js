// States as a sign and a word: colour alone says nothing.

import { html } from '../app/html.js'
import { nameOf } from '../app/text.js'

/** @type {Record<string, [tone: string, sign: string]>} */
const looks = {
  ok: ['good', '●'],
  delivered: ['good', '●'],
  completed: ['good', '●'],
  running: ['good', '●'],
  active: ['good', '●'],
  scheduled: ['good', '●'],
  behind: ['warning', '◐'],
  takes_nothing: ['warning', '◐'],
  being_sent: ['busy', '◐'],
  waiting: ['busy', '◐'],
  queued: ['busy', '◐'],
  cancelling: ['busy', '◐'],
  behind_a_failing_event: ['warning', '◐'],
  being_retried: ['bad', '▲'],
  failing: ['bad', '▲'],
  interrupted: ['bad', '▲'],
  failed: ['bad', '▲'],
  rejected: ['bad', '▲'],
  unavailable: ['bad', '▲'],
  refused: ['bad', '▲'],
  filtered_out: ['plain', '–'],
  before_its_start: ['plain', '–'],
  after_its_end: ['plain', '–'],
  after_its_removal: ['plain', '–'],
}
const otherwise = ['plain', '■']

/** @param {{ state: string }} props */
export function State({ state }) {
  const [tone, sign] = looks[state] ?? otherwise
  return html`<span class="state ${tone}">
    <span aria-hidden="true">${sign}</span> ${nameOf('state', state)}
  </span>`
}

/**
 * The state of a stream by its health, with a mark if its filter has taken nothing.
 * @param {{ health: import('../app/integrations.js').Health }} props
 */
export function HealthState({ health }) {
  return html`<${State} state=${health.state} />
    ${health.passed_over && html`${' '}<${State} state="takes_nothing" />`}`
}

/** The sign alone; a reader of the screen gets the word. @param {{ state: string }} props */
export function Sign({ state }) {
  const [tone, sign] = looks[state] ?? otherwise
  return html`<span class="state ${tone}">
    <span aria-hidden="true">${sign}</span>
    <span class="for-readers">${nameOf('state', state)}</span>
  </span>`
}
