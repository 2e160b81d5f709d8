// The fields of a notification job, for creating and for changing one, and the body that they make.

import { html } from '../app/html.js'
import { nameOf, t } from '../app/text.js'
import { Check, Field, textsOf } from './form.js'

/** @typedef {import('../app/jobs.js').Job} Job */

const ZONES = ['UTC', ...Intl.supportedValuesOf('timeZone')]
const NOTIFICATIONS = ['BACK_IN_STOCK', 'PRICE_DROP', 'WISHLIST_REMINDER']

/**
 * `before`: the job that the form began with. A text that was there is emptied, not left out.
 * @param {HTMLFormElement} form
 * @param {Job} before
 */
export function jobOfForm(form, before) {
  const text = textsOf(form)
  const { campaign_id, utm_medium } = before.job_parameters
  const kept = (/** @type {string} */ name, /** @type {unknown} */ was, field = name) =>
    text(field) !== '' || was !== undefined ? { [name]: text(field) } : {}
  const cap = text('max_mails_per_week')
  return {
    notification: text('notification'),
    schedule: text('schedule'),
    timezone: text('timezone'),
    template_id: text('template_id'),
    number_of_items_in_email: Number(text('number_of_items_in_email')),
    max_mails_per_week: cap === '' ? null : Number(cap),
    is_active: text('is_active') !== '',
    is_scheduled: text('is_scheduled') !== '',
    ...kept('scheduleExpression', before.scheduleExpression),
    job_parameters: {
      ...kept('campaign_id', campaign_id, 'job_parameters.campaign_id'),
      ...kept('utm_medium', utm_medium, 'job_parameters.utm_medium'),
    },
  }
}

/** @param {{ job: Job }} props */
export function JobFields({ job }) {
  const { campaign_id, utm_medium } = job.job_parameters
  return html`<${Field} name="notification" label=${t('jobs.notification')}
      value=${job.notification}
      options=${NOTIFICATIONS.map((one) => [one, nameOf('jobs.of', one)])} />
    <${Field} name="template_id" label=${t('jobs.template')} value=${job.template_id} required
      maxlength="255" placeholder="d-0123456789abcdef" />
    <fieldset>
      <legend>${t('jobs.when')}</legend>
      <${Field} name="schedule" label=${t('jobs.cron')} value=${job.schedule} required
        maxlength="255" hint=${t('jobs.cronHint')} />
      <${Field} name="timezone" label=${t('jobs.timezone')} value=${job.timezone} required
        maxlength="64" list="timezones" />
      <datalist id="timezones">
        ${ZONES.map((one) => html`<option value=${one} />`)}
      </datalist>
      <${Field} name="scheduleExpression" label=${t('jobs.expression')}
        value=${job.scheduleExpression} maxlength="255" />
      <${Check} name="is_scheduled" label=${t('jobs.isScheduled')}
        defaultChecked=${job.is_scheduled} />
      <${Check} name="is_active" label=${t('jobs.isActive')} defaultChecked=${job.is_active} />
    </fieldset>
    <fieldset>
      <legend>${t('jobs.mail')}</legend>
      <${Field} name="number_of_items_in_email" label=${t('jobs.items')} type="number" min="-1"
        max="1000" required value=${job.number_of_items_in_email} hint=${t('jobs.itemsHint')} />
      <${Field} name="max_mails_per_week" label=${t('jobs.cap')} type="number" min="1" max="100"
        value=${job.max_mails_per_week ?? ''} hint=${t('jobs.capHint')} />
      <${Field} name="job_parameters.campaign_id" label="utm_campaign" value=${campaign_id}
        maxlength="255" />
      <${Field} name="job_parameters.utm_medium" label="utm_medium" value=${utm_medium}
        maxlength="255" />
    </fieldset>`
}
