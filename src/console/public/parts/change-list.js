// Changes of the configuration, each with who made it, why, and what it changed.

import { placeOf } from '../app/changes.js'
import { html } from '../app/html.js'
import { linkTo } from '../app/route.js'
import { formatTime, nameOf, t } from '../app/text.js'
import { Differences } from './differences.js'
import { Plain } from './plain.js'

/** @typedef {import('../app/changes.js').Change} Change */

/** @param {{ changes: Change[], isOfOne?: boolean }} props `isOfOne`: all are of the same thing */
export function ChangeList({ changes, isOfOne = false }) {
  return html`<ol class="rows">
    ${changes.map(
      (change) => html`<li key=${change.position}>
        <p>
          <strong>${nameOf('action', change.action)}</strong>${' '}
          ${
            !isOfOne && html`<${ThingLink} thing=${change} isGone=${change.status === 'removed'} />`
          }
          <span class="quiet"> · ${t('audit.version', { version: change.version })} ·${' '}
            <time dateTime=${change.changed_at}>${formatTime(change.changed_at)}</time>
            ${' · '}<${Plain} text=${change.actor} /></span>
        </p>
        <p><${Plain} text=${change.reason} /></p>
        <${Differences} differences=${change.differences} />
      </li>`,
    )}
  </ol>`
}

/**
 * The kind and id of a thing, with a link to its page and one to all of its changes.
 * @param {{ thing: import('../app/changes.js').Thing, isGone?: boolean }} props
 */
export function ThingLink({ thing, isGone = false }) {
  const { kind, id, name } = thing
  const place = isGone ? undefined : placeOf(thing)
  const text = html`<${Plain} text=${id} />`
  return html`${nameOf('kind', kind)}${' '}
    ${place ? html`<a href=${linkTo(place)}>${text}</a>` : text}
    ${name !== undefined && html` (<${Plain} text=${name} />)`}${' '}
    <a class="quiet small" href=${linkTo(['audit'], { kind, id })}>${t('audit.allOf')}<span
      class="for-readers"> <${Plain} text=${id} /></span></a>`
}
