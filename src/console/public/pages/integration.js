// An integration: its state with what can be done about it, and everything that belongs to it.

import { ask } from '../app/api.js'
import { html } from '../app/html.js'
import { pathOf, readStatistics } from '../app/integrations.js'
import { mayConfigure } from '../app/session.js'
import { t } from '../app/text.js'
import { Trouble } from '../parts/attention.js'
import { Edit } from '../parts/edit.js'
import { Figures } from '../parts/figures.js'
import { Files } from '../parts/files.js'
import { GoneState, isNotFound } from '../parts/gone.js'
import { History } from '../parts/history.js'
import { Log } from '../parts/log.js'
import { Plain } from '../parts/plain.js'
import { Loaded, usePolled } from '../parts/polled.js'
import { RejectedEvents } from '../parts/rejected.js'
import { Replays } from '../parts/replays.js'
import { Tabs } from '../parts/tabs.js'
import { Undelivered } from '../parts/undelivered.js'

const POLL_MS = 3_000

/**
 * `isGone`: it was removed or has completed. Its log and the like stay readable for a while.
 * @typedef {import('../app/integrations.js').Integration} Integration
 * @typedef {{ integration?: Integration, hasFiles: boolean, isGone: boolean }} Shown
 * @typedef {import('../app/text.js').TextKey} TextKey
 */
/**
 * `isShown`: default always.
 * @type {{ path: string, title: TextKey, part: (props: any) => any,
 *   isShown?: (shown: Shown) => boolean }[]}
 */
const tabs = [
  { path: '', title: 'figures', part: Figures },
  { path: 'log', title: 'log', part: Log },
  { path: 'history', title: 'history', part: History },
  { path: 'rejected', title: 'rejected.title', part: RejectedEvents },
  { path: 'undelivered', title: 'undelivered', part: Undelivered },
  { path: 'replays', title: 'replays', part: Replays },
  { path: 'files', title: 'files.title', part: Files, isShown: ({ hasFiles }) => hasFiles },
  {
    path: 'edit',
    title: 'edit.tab',
    part: Edit,
    isShown: ({ isGone }) => !isGone && mayConfigure.value,
  },
]

/** @param {{ parts: string[] }} props */
export function Integration({ parts: [id = '', tab = ''] }) {
  const polled = usePolled((signal) => ask(pathOf(id), { signal }), POLL_MS, [id])
  const { data, error } = polled
  const shown = { integration: data, hasFiles: data?.s3_parameters !== undefined, isGone: false }
  return html`<h1 tabindex="-1"><${Plain} text=${id} /></h1>
    ${
      isNotFound(error)
        ? html`<${Gone} id=${id} tab=${tab} />`
        : html`<${Loaded} of=${polled}>
          <section aria-label=${t('state')}><${Trouble} integration=${data} /></section>
          <${Parts} id=${id} tab=${tab} shown=${shown} />
        <//>`
    }`
}

/**
 * The end of one, and its past; if there never was one, the error of the service.
 * @param {{ id: string, tab: string }} props
 */
function Gone({ id, tab }) {
  const polled = usePolled((signal) => readPast(id, signal), POLL_MS, [id])
  const { isCompleted = false, hasFiles = false } = polled.data ?? {}
  return html`<${Loaded} of=${polled}>
    <${GoneState} id=${id} isCompleted=${isCompleted} />
    <${Parts} id=${id} tab=${tab} shown=${{ hasFiles, isGone: true }} />
  <//>`
}

/**
 * @param {string} id
 * @param {AbortSignal} signal
 */
async function readPast(id, signal) {
  const [{ status }, { files }] = await Promise.all([
    readStatistics(id, signal),
    ask(pathOf(id, '/files'), { query: { limit: 1 }, signal }),
  ])
  return { isCompleted: status === 'completed', hasFiles: files.length > 0 }
}

/** @param {{ id: string, tab: string, shown: Shown }} props */
function Parts({ id, tab, shown }) {
  const { integration, isGone } = shown
  const those = tabs.filter(({ isShown }) => isShown?.(shown) ?? true)
  const isThis = (/** @type {typeof tabs[0]} */ { path }) => path === tab
  // A part that is not among the links says why.
  const { part } = (isGone ? those : tabs).find(isThis) ?? /** @type {typeof tabs[0]} */ (tabs[0])
  return html`<${Tabs} of=${['integrations', id]} label=${t('integration')} current=${tab}
      tabs=${those} />
    <${part} key=${id} id=${id} path=${pathOf(id)} integration=${integration} isGone=${isGone} />`
}
