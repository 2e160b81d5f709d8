// The search of the log: one box, which says what it has understood.

import { useMemo, useRef } from 'preact/hooks'
import { findEvents, isStory } from '../app/find.js'
import { html } from '../app/html.js'
import { goTo, linkTo } from '../app/route.js'
import { tenant } from '../app/session.js'
import { formatTime, t } from '../app/text.js'
import { understand } from '../app/understand.js'
import { EndOfPages, usePages } from '../parts/pages.js'
import { Plain } from '../parts/plain.js'
import { Story } from '../parts/story.js'
import { Event } from './event.js'

const PAGE = 50
/** Of a story: each event asks who got it. */
const STORY_PAGE = 20

/** @param {{ parts: string[], query: URLSearchParams }} props */
export function Events({ parts: [position], query }) {
  if (position) return html`<${Event} key=${position} position=${position} />`
  return html`<${Search} text=${query.get('q') ?? ''} />`
}

/** @param {{ text: string }} props */
function Search({ text }) {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null))
  const wanted = useMemo(() => understand(text), [text])
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault()
    const given = input.current?.value.trim() ?? ''
    const asked = understand(given)
    const isEvent = asked.position !== undefined && !isElsewhere(asked)
    if (isEvent) goTo(['events', Number(asked.position)])
    else goTo(['events'], { q: given })
  }
  return html`<h1 tabindex="-1">${t('events.title')}</h1>
    <section aria-label=${t('search')}>
      <form class="inline search" role="search" onSubmit=${submit}>
        <label class="field">${t('search.label')}
          <input ref=${input} type="search" name="q" key=${text} defaultValue=${text}
            spellcheck=${false} autocomplete="off" aria-describedby="understood" />
        </label>
        <button class="main">${t('search')}</button>
      </form>
      <p class="quiet" id="understood"><${Understood} wanted=${wanted} /></p>
    </section>
    <${isElsewhere(wanted) ? Elsewhere : Found} key=${text} wanted=${wanted} />`
}

/**
 * Whether it names an event of another tenant. At its position, this one has another event or none.
 * @param {import('../app/understand.js').Understood} wanted
 */
const isElsewhere = (wanted) => wanted.tenant !== undefined && wanted.tenant !== tenant.value

/** @param {{ wanted: import('../app/understand.js').Understood }} props */
function Elsewhere({ wanted: { tenant: other = '', position = 0 } }) {
  const text = t('search.elsewhere', { position, tenant: other, shown: tenant.value })
  return html`<section aria-label=${t('events.title')}>
    <p class="problem" role="alert"><${Plain} text=${text} /></p>
  </section>`
}

/**
 * Says how the text is read.
 * @param {{ wanted: import('../app/understand.js').Understood }} props
 */
function Understood({ wanted }) {
  const { ids, names, order_id, customer_id, entity_id, from, to } = wanted
  const words = [
    ...(isElsewhere(wanted) ? [t('search.webhookId')] : []),
    ...ids.slice(0, 1).map((id) => t('search.id', { id })),
    ...(order_id === undefined ? [] : [t('search.order', { id: order_id })]),
    ...(customer_id === undefined ? [] : [t('search.customer', { id: customer_id })]),
    ...(entity_id === undefined ? [] : [t('search.entity', { id: entity_id })]),
    ...(names.length > 0 ? [t('search.names', { names: names.join(', ') })] : []),
    ...(from === undefined ? [] : [t('search.from', { time: formatTime(from) })]),
    ...(to === undefined ? [] : [t('search.to', { time: formatTime(to) })]),
  ]
  if (ids.length > 1) words.push(t('search.tooMany', { ids: ids.slice(1).join(' ') }))
  return html`<${Plain} text=${words.length > 0 ? words.join('; ') : t('search.hint')} />`
}

/** @param {{ wanted: import('../app/understand.js').Understood }} props */
function Found({ wanted }) {
  const isOne = isStory(wanted)
  const pages = usePages(
    (/** @type {number | null} */ next, signal) =>
      findEvents(wanted, { next, limit: isOne ? STORY_PAGE : PAGE, signal }),
    [wanted],
  )
  const events = pages.rows ?? []
  return html`<section aria-label=${t('events.title')}>
    <${isOne && events.length > 0 ? Story : Feed} events=${events} />
    <${EndOfPages} pages=${pages} empty=${t('search.nothing')} />
  </section>`
}

/** @param {{ events: import('../app/payload.js').LoggedEvent[] }} props */
function Feed({ events }) {
  return html`<ol class="feed">
    ${events.map(
      ({ position, name, entity_id, published_at }) => html`<li key=${position}>
        <time dateTime=${published_at}>${formatTime(published_at)}</time>
        <a href=${linkTo(['events', position])}><${Plain} text=${name} /></a>
        <a href=${linkTo(['events'], { q: `entity:${entity_id}` })}>
          <${Plain} text=${entity_id} />
        </a>
      </li>`,
    )}
  </ol>`
}
