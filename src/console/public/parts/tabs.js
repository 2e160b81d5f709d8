// The parts of a thing, as links: one of them is shown.

import { html } from '../app/html.js'
import { linkTo } from '../app/route.js'
import { t } from '../app/text.js'

/**
 * `of`: the address of the thing; `current`: the path of the part that is shown.
 * @param {{ of: string[], label: string, current: string,
 *   tabs: { path: string, title: import('../app/text.js').TextKey }[] }} props
 */
export function Tabs({ of, label, current, tabs }) {
  return html`<nav class="tabs" aria-label=${label}>
    ${tabs.map(
      ({ path, title }) => html`<a href=${linkTo([...of, ...(path ? [path] : [])])}
        aria-current=${path === current ? 'page' : undefined}>${t(title)}</a>`,
    )}
  </nav>`
}
