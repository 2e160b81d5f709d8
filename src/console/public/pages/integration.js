// An integration: its state with what can be done about it, and everything that belongs to it.

import { ask } from '../app/api.js'
import { html } from '../app/html.js'
import { pathOf } from '../app/integrations.js'
import { mayConfigure } from '../app/session.js'
import { t } from '../app/text.js'
import { Trouble } from '../parts/attention.js'
import { Edit } from '../parts/edit.js'
import { Figures } from '../parts/figures.js'
import { Files } from '../parts/files.js'
import { History } from '../parts/history.js'
import { Log } from '../parts/log.js'
import { Plain } from '../parts/plain.js'
import { Loaded, usePolled } from '../parts/polled.js'
import { RejectedEvents } from '../parts/rejected.js'
import { Replays } from '../parts/replays.js'
import { Tabs } from '../parts/tabs.js'
import { Undelivered } from '../parts/undelivered.js'

const POLL_MS = 3_000

/** @typedef {import('../app/text.js').TextKey} TextKey */
/**
 * `isShown`: default always. Before it is read, the integration is undefined.
 * @type {{ path: string, title: TextKey, part: (props: any) => any,
 *   isShown?: (integration?: import('../app/integrations.js').Integration) => boolean }[]}
 */
const tabs = [
  { path: '', title: 'figures', part: Figures },
  { path: 'log', title: 'log', part: Log },
  { path: 'history', title: 'history', part: History },
  { path: 'rejected', title: 'rejected.title', part: RejectedEvents },
  { path: 'undelivered', title: 'undelivered', part: Undelivered },
  { path: 'replays', title: 'replays', part: Replays },
  {
    path: 'files',
    title: 'files.title',
    part: Files,
    isShown: (integration) => integration?.s3_parameters !== undefined,
  },
  { path: 'edit', title: 'edit.tab', part: Edit, isShown: () => mayConfigure.value },
]

/** @param {{ parts: string[] }} props */
export function Integration({ parts: [id = '', tab = ''] }) {
  const polled = usePolled((signal) => ask(pathOf(id), { signal }), POLL_MS, [id])
  const isShown = (/** @type {typeof tabs[0]} */ one) => one.isShown?.(polled.data) ?? true
  const { part } = tabs.find(({ path }) => path === tab) ?? /** @type {typeof tabs[0]} */ (tabs[0])
  return html`<h1 tabindex="-1"><${Plain} text=${id} /></h1>
    <${Loaded} of=${polled}>
      <section aria-label=${t('state')}><${Trouble} integration=${polled.data} /></section>
      <${Tabs} of=${['integrations', id]} label=${t('integration')} current=${tab}
        tabs=${tabs.filter(isShown)} />
      <${part} key=${id} id=${id} path=${pathOf(id)} integration=${polled.data} />
    <//>`
}
