// Notification jobs: all of them with their next runs, and one with everything that belongs to it.

import { ask } from '../app/api.js'
import { html } from '../app/html.js'
import { jobPath, listJobs, scheduleInWords, stateOf } from '../app/jobs.js'
import { linkTo } from '../app/route.js'
import { mayConfigure } from '../app/session.js'
import { nameOf, t } from '../app/text.js'
import { askToRun, askToSwitch, askToTestMail } from '../parts/job-acts.js'
import { EditJob } from '../parts/job-edit.js'
import { JobPreview } from '../parts/job-preview.js'
import { JobRuns } from '../parts/job-runs.js'
import { NextRun } from '../parts/next-run.js'
import { Plain } from '../parts/plain.js'
import { Loaded, usePolled } from '../parts/polled.js'
import { State } from '../parts/state.js'
import { Tabs } from '../parts/tabs.js'

/** @typedef {import('../app/jobs.js').Job} Job */
/** @typedef {import('../app/text.js').TextKey} TextKey */

const POLL_MS = 5_000

/** @type {{ path: string, title: TextKey, part: (props: any) => any }[]} */
const tabs = [
  { path: '', title: 'jobs.runs', part: JobRuns },
  { path: 'preview', title: 'jobs.preview', part: JobPreview },
  { path: 'edit', title: 'jobs.edit', part: EditJob },
]

/** @param {{ parts: string[] }} props */
export function Jobs({ parts: [id, tab = ''] }) {
  return id === undefined ? html`<${List} />` : html`<${One} key=${id} id=${id} tab=${tab} />`
}

function List() {
  const polled = usePolled(listJobs, POLL_MS)
  const jobs = polled.data ?? []
  return html`<h1 tabindex="-1">${t('jobs.title')}</h1>
    ${
      mayConfigure.value &&
      html`<p><a class="button" href=${linkTo(['new-job'])}>${t('jobs.new')}</a></p>`
    }
    <${Loaded} of=${polled}>
      ${
        jobs.length === 0
          ? html`<section class="empty">
              <h2>${t('jobs.none')}</h2>
              <p>${t('jobs.noneHint')}</p>
            </section>`
          : html`<${Table} jobs=${jobs} />`
      }
    <//>`
}

/** @param {{ jobs: Job[] }} props */
function Table({ jobs }) {
  return html`<section aria-label=${t('jobs.title')}>
    <div class="scrolls">
      <table class="cards">
        <thead><tr>
          <th scope="col">${t('jobs.job')}</th><th scope="col">${t('state')}</th>
          <th scope="col">${t('jobs.notification')}</th>
          <th scope="col">${t('jobs.schedule')}</th><th scope="col">${t('jobs.nextRun')}</th>
        </tr></thead>
        <tbody>
          ${jobs.map(
            (job) => html`<tr key=${job.id}>
              <th scope="row">
                <a href=${linkTo(['jobs', job.id])}><${Plain} text=${job.id} /></a>
              </th>
              <td data-label=${t('state')}><${State} state=${stateOf(job)} /></td>
              <td data-label=${t('jobs.notification')}>
                ${nameOf('jobs.of', job.notification)}
              </td>
              <td data-label=${t('jobs.schedule')}><${Plain} text=${scheduleInWords(job)} /></td>
              <td data-label=${t('jobs.nextRun')}><${NextRun} job=${job} /></td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`
}

/** @param {{ id: string, tab: string }} props */
function One({ id, tab }) {
  const polled = usePolled((signal) => ask(jobPath(id), { signal }), POLL_MS, [id])
  const { part } = tabs.find(({ path }) => path === tab) ?? /** @type {typeof tabs[0]} */ (tabs[0])
  return html`<h1 tabindex="-1"><${Plain} text=${id} /></h1>
    <${Loaded} of=${polled}>
      <${Summary} job=${polled.data} />
      <${Tabs} of=${['jobs', id]} label=${t('jobs.job')} current=${tab}
        tabs=${tabs.filter(({ path }) => path !== 'edit' || mayConfigure.value)} />
      <${part} id=${id} job=${polled.data} />
    <//>`
}

/** @param {{ job: Job }} props */
function Summary({ job }) {
  const { id, is_active, deleted, job_parameters, max_mails_per_week: cap } = job
  const items = job.number_of_items_in_email
  return html`<section aria-label=${t('state')}>
    <p><${State} state=${stateOf(job)} /> · ${nameOf('jobs.of', job.notification)}</p>
    <dl>
      <dt>${t('jobs.schedule')}</dt>
      <dd><${Plain} text=${scheduleInWords(job)} /> <code>${job.schedule}</code></dd>
      <dt>${t('jobs.nextRun')}</dt><dd><${NextRun} job=${job} /></dd>
      <dt>${t('jobs.template')}</dt><dd><${Plain} text=${job.template_id} /></dd>
      <dt>${t('jobs.items')}</dt><dd>${items === -1 ? t('jobs.allItems') : items}</dd>
      <dt>${t('jobs.cap')}</dt><dd>${cap ?? t('jobs.noCap')}</dd>
      <dt>${t('jobs.links')}</dt>
      <dd><${Plain} text=${Object.values(job_parameters).filter(Boolean).join(', ') || '–'} /></dd>
    </dl>
    ${
      mayConfigure.value &&
      !deleted &&
      html`<div class="buttons">
        ${is_active && html`<button onClick=${() => askToRun(id)}>${t('jobs.run')}</button>`}
        <button onClick=${() => askToTestMail(id)}>${t('jobs.test')}</button>
        <button onClick=${() => askToSwitch(job)}>
          ${t(is_active ? 'jobs.switchOff' : 'jobs.switchOn')}
        </button>
      </div>`
    }
  </section>`
}
