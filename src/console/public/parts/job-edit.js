// Changing a notification job, and deleting it.

import { change } from '../app/api.js'
import { html } from '../app/html.js'
import { jobPath } from '../app/jobs.js'
import { mayConfigure } from '../app/session.js'
import { t } from '../app/text.js'
import { askToDeleteJob } from './job-acts.js'
import { JobFields, jobOfForm } from './job-fields.js'
import { Versioned } from './versioned.js'

/** @param {{ id: string }} props */
export function EditJob({ id }) {
  if (!mayConfigure.value) return html`<p class="empty">${t('mayNotConfigure')}</p>`
  const path = jobPath(id)
  /** @type {import('./versioned.js').Save} */
  const save = async (form, { etag, document }) => {
    const body = jobOfForm(form, document)
    await change(path, { method: 'PUT', headers: { 'if-match': etag }, body })
    return t('jobs.saved', { id })
  }
  return html`<section aria-labelledby="edit">
      <h2 id="edit">${t('jobs.edit')}</h2>
      <${Versioned} ...${{ path, save }} confirm=${t('save')}
        fields=${(/** @type {any} */ job) => html`<${JobFields} job=${job} />`} />
    </section>
    <section aria-labelledby="delete">
      <h2 id="delete">${t('jobs.deleteHeading')}</h2>
      <p>${t('jobs.deleteText')}</p>
      <p><button class="dangerous" onClick=${() => askToDeleteJob(id)}>${t('delete')}</button></p>
    </section>`
}
