// The configuration at a moment, and what is different now.

import { findConfiguration, findDifferences } from '../app/changes.js'
import { html } from '../app/html.js'
import { goTo } from '../app/route.js'
import { formatTime, nameOf, t } from '../app/text.js'
import { ThingLink } from './change-list.js'
import { Differences } from './differences.js'
import { Text } from './exchange.js'
import { EndOfPages, usePages } from './pages.js'
import { lastDay, Moment, momentOf } from './period.js'
import { Plain } from './plain.js'
import { State } from './state.js'

/** @typedef {import('../app/changes.js').ConfiguredDifferently} ConfiguredDifferently */

/** @param {{ given: string | null }} props the moment; without one: a day ago */
export function AsOf({ given }) {
  const moment = given ?? lastDay().from
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault()
    const form = /** @type {HTMLFormElement} */ (event.currentTarget)
    goTo(['audit', 'as-of'], { moment: momentOf(form, 'moment') })
  }
  return html`<section aria-label=${t('audit.asOf')}>
      <form class="inline" onSubmit=${submit}>
        <${Moment} name="moment" label=${t('audit.moment')} value=${moment} required=${true} />
        <button class="main">${t('show')}</button>
      </form>
    </section>
    <${DifferentNow} moment=${moment} />
    <${ConfiguredThen} moment=${moment} />`
}

/** @param {{ moment: string }} props */
function DifferentNow({ moment }) {
  const pages = usePages(
    (/** @type {{ to: string, after: string } | null} */ next, signal) =>
      findDifferences(moment, next, signal),
    [moment],
  )
  return html`<section aria-labelledby="different">
    <h2 id="different">${t('audit.different')}</h2>
    <ol class="rows">
      ${pages.rows?.map(
        (one) => html`<${Changed} key=${`${one.kind} ${one.id}`} changed=${one} />`,
      )}
    </ol>
    <${EndOfPages} pages=${pages} empty=${t('audit.same')} />
  </section>`
}

/** @param {{ changed: ConfiguredDifferently }} props */
function Changed({ changed }) {
  const { before, after, differences } = changed
  const word = !before ? 'audit.added' : !after ? 'audit.removed' : 'audit.changed'
  return html`<li>
    <p>
      <strong>${t(word)}</strong>${' '}
      <${ThingLink} thing=${{ ...changed, ...nameIn(after ?? before) }} isGone=${!after} />
      ${
        after &&
        html`<span class="quiet"> · ${formatTime(after.changed_at)} ·${' '}
          <${Plain} text=${after.changed_by} /></span>`
      }
    </p>
    ${
      before &&
      after &&
      before.status !== after.status &&
      html`<p><${State} state=${before.status} /> → <${State} state=${after.status} /></p>`
    }
    ${after && html`<${Differences} differences=${differences} />`}
  </li>`
}

/** @param {{ name?: string } | null} state */
const nameIn = (state) => (state?.name === undefined ? {} : { name: state.name })

/** @param {{ moment: string }} props */
function ConfiguredThen({ moment }) {
  const pages = usePages(
    (/** @type {string | null} */ next, signal) => findConfiguration(moment, next, signal),
    [moment],
  )
  return html`<section aria-labelledby="configured">
    <h2 id="configured">${t('audit.configured', { time: formatTime(moment) })}</h2>
    <ol class="rows">
      ${pages.rows?.map(
        (one) => html`<li key=${`${one.kind} ${one.id}`}>
          <p>
            <${ThingLink} thing=${one} /> <${State} state=${one.status} />
            <span class="quiet"> · ${t('audit.version', { version: one.version })} ·${' '}
              ${formatTime(one.changed_at)} · <${Plain} text=${one.changed_by} /></span>
          </p>
          <details>
            <summary>${t('audit.document')}<span class="for-readers">${' '}
              ${nameOf('kind', one.kind)} <${Plain} text=${one.id} /></span></summary>
            <${Text} label=${t('audit.document')} text=${JSON.stringify(one.document, null, 2)} />
          </details>
        </li>`,
      )}
    </ol>
    <${EndOfPages} pages=${pages} empty=${t('audit.nothing')} />
  </section>`
}
