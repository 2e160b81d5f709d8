// The audit: who changed what, and how everything was configured at a moment.

import { findChanges, kinds } from '../app/changes.js'
import { html } from '../app/html.js'
import { goTo } from '../app/route.js'
import { nameOf, t } from '../app/text.js'
import { AsOf } from '../parts/as-of.js'
import { ChangeList } from '../parts/change-list.js'
import { EndOfPages, usePages } from '../parts/pages.js'
import { Moment, momentOf } from '../parts/period.js'
import { Tabs } from '../parts/tabs.js'

const TEXTS = ['kind', 'id', 'actor']
const MOMENTS = ['from', 'to']

/** @type {{ path: string, title: import('../app/text.js').TextKey }[]} */
const tabs = [
  { path: '', title: 'audit.changes' },
  { path: 'as-of', title: 'audit.asOf' },
]

/** @param {{ parts: string[], query: URLSearchParams }} props */
export function Audit({ parts: [tab = ''], query }) {
  return html`<h1 tabindex="-1">${t('audit.title')}</h1>
    <${Tabs} of=${['audit']} label=${t('audit.title')} current=${tab} tabs=${tabs} />
    ${
      tab === 'as-of'
        ? html`<${AsOf} key=${query.get('moment')} given=${query.get('moment')} />`
        : html`<${Changes} key=${String(query)} query=${query} />`
    }`
}

/** @param {{ query: URLSearchParams }} props */
function Changes({ query }) {
  const given = [...TEXTS, ...MOMENTS].map((name) => [name, query.get(name) || undefined])
  /** @type {import('../app/changes.js').Filter} */
  const filter = Object.fromEntries(given)
  const pages = usePages(
    (/** @type {number | null} */ before, signal) => findChanges(filter, before, signal),
    [String(query)],
  )
  return html`<section aria-label=${t('search')}><${FilterForm} filter=${filter} /></section>
    <section aria-labelledby="changes">
      <h2 id="changes">${t('audit.changes')}</h2>
      <${ChangeList} changes=${pages.rows ?? []} />
      <${EndOfPages} pages=${pages} empty=${t('audit.none')} />
    </section>`
}

/** @param {{ filter: import('../app/changes.js').Filter }} props */
function FilterForm({ filter: { kind, id, actor, from, to } }) {
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault()
    const form = /** @type {HTMLFormElement} */ (event.currentTarget)
    const values = new FormData(form)
    const texts = TEXTS.map((name) => [name, String(values.get(name)).trim()])
    const moments = MOMENTS.map((name) => [name, momentOf(form, name)])
    goTo(['audit'], Object.fromEntries([...texts, ...moments]))
  }
  return html`<form class="inline" role="search" onSubmit=${submit}>
    <label class="field">${t('audit.kind')}
      <select name="kind">
        <option value="">${t('audit.anyKind')}</option>
        ${kinds.map(
          (one) =>
            html`<option value=${one} selected=${one === kind}>${nameOf('kind', one)}</option>`,
        )}
      </select>
    </label>
    <label class="field">${t('audit.id')}
      <input name="id" defaultValue=${id ?? ''} autocomplete="off" spellcheck=${false} />
    </label>
    <label class="field">${t('audit.actor')}
      <input name="actor" defaultValue=${actor ?? ''} autocomplete="off" spellcheck=${false} />
    </label>
    <${Moment} name="from" label=${t('from')} value=${from} />
    <${Moment} name="to" label=${t('to')} value=${to} />
    <button class="main">${t('show')}</button>
  </form>`
}
