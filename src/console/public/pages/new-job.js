// Creating a notification job.

import { change } from '../app/api.js'
import { html } from '../app/html.js'
import { JOBS_PATH, ownZone } from '../app/jobs.js'
import { goTo } from '../app/route.js'
import { mayConfigure } from '../app/session.js'
import { t } from '../app/text.js'
import { Field, Form, textsOf } from '../parts/form.js'
import { JobFields, jobOfForm } from '../parts/job-fields.js'
import { notify } from '../parts/notices.js'

/** The job with which a form begins. @returns {import('../app/jobs.js').Job} */
const newJob = () => ({
  id: '',
  deleted: false,
  is_active: true,
  is_scheduled: true,
  notification: 'BACK_IN_STOCK',
  schedule: '0 9 * * *',
  timezone: ownZone(),
  template_id: '',
  number_of_items_in_email: -1,
  max_mails_per_week: null,
  job_parameters: {},
  next_run_at: null,
})

export function NewJob() {
  /** @param {HTMLFormElement} form */
  const save = async (form) => {
    const id = textsOf(form)('id')
    const job = newJob()
    const { id: made } = await change(JOBS_PATH, {
      body: { ...jobOfForm(form, job), ...(id ? { id } : {}) },
    })
    notify(t('jobs.created', { id: made }))
    goTo(['jobs', made])
  }
  return html`<h1 tabindex="-1">${t('jobs.new')}</h1>
    ${
      mayConfigure.value
        ? html`<section aria-label=${t('jobs.new')}>
          <${Form} save=${save} confirm=${t('jobs.create')}>
            <${Field} name="id" label="Id" maxlength="100" hint=${t('jobs.idHint')} />
            <${JobFields} job=${newJob()} />
          <//>
        </section>`
        : html`<p class="empty">${t('mayNotConfigure')}</p>`
    }`
}
