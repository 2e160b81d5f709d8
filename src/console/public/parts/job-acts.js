// The acts on a notification job. Each says first what it will do, and asks.

import { ask, change } from '../app/api.js'
import { html } from '../app/html.js'
import { jobPath } from '../app/jobs.js'
import { goTo } from '../app/route.js'
import { formatNumber, nameOf, t } from '../app/text.js'
import { openDialog } from './dialog.js'
import { MailData } from './mail-data.js'
import { Plain } from './plain.js'

/** @typedef {import('../app/jobs.js').Job} Job */

/** Looks first who would get a mail. @param {string} id */
export async function askToRun(id) {
  const asked = ask(jobPath(id, '/preview'), { query: { limit: 1 } })
  const preview = await asked.catch(() => undefined)
  const count = preview && formatNumber(preview.recipients)
  openDialog({
    title: t('jobs.runTitle', { id }),
    text: count === undefined ? t('jobs.runText') : t('jobs.runCounted', { count }),
    confirm: t('jobs.run'),
    async act() {
      await change(jobPath(id, '/_run'))
      return t('jobs.runDone', { id })
    },
  })
}

/** @param {string} id */
export function askToTestMail(id) {
  openDialog({
    title: t('jobs.testTitle', { id }),
    text: t('jobs.testText'),
    confirm: t('jobs.test'),
    fields: [
      { name: 'email', label: t('jobs.email'), required: true },
      { name: 'customer_id', label: t('jobs.testCustomer') },
    ],
    async act({ email = '', customer_id = '' }) {
      const customer = customer_id.trim()
      const result = await change(jobPath(id, '/_test'), {
        body: { email: email.trim(), ...(customer ? { customer_id: customer } : {}) },
      })
      return { shown: html`<${TestResult} result=${result} />` }
    },
  })
}

/**
 * @param {{ result: { outcome: string, reason: string | null, email: string, data_from: string,
 *   data: any } }} props
 */
function TestResult({ result: { outcome, reason, email, data_from, data } }) {
  return html`<p role="status">
      <strong>${nameOf('jobs.outcome', outcome)}</strong> · <${Plain} text=${email} />
    </p>
    ${reason && html`<p class="problem"><${Plain} text=${reason} /></p>`}
    <p>${nameOf('jobs.dataFrom', data_from)}</p>
    <${MailData} data=${data} />`
}

/** @param {Job} job */
export function askToSwitch({ id, is_active }) {
  openDialog({
    title: t(is_active ? 'jobs.offTitle' : 'jobs.onTitle', { id }),
    text: t(is_active ? 'jobs.offText' : 'jobs.onText'),
    confirm: t(is_active ? 'jobs.switchOff' : 'jobs.switchOn'),
    async act() {
      await change(jobPath(id), { method: 'PUT', body: { is_active: !is_active } })
      return t(is_active ? 'jobs.offDone' : 'jobs.onDone', { id })
    },
  })
}

/** @param {string} id */
export function askToDeleteJob(id) {
  openDialog({
    title: t('jobs.deleteTitle', { id }),
    text: t('jobs.deleteText'),
    confirm: t('delete'),
    isDangerous: true,
    async act() {
      await change(jobPath(id), { method: 'DELETE' })
      goTo(['jobs'])
      return t('jobs.deleted', { id })
    },
  })
}
