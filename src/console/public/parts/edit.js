// Changing an integration: its settings while it is stopped, its signing secret, and its removal.

import { change } from '../app/api.js'
import { html } from '../app/html.js'
import { pathOf } from '../app/integrations.js'
import { mayConfigure } from '../app/session.js'
import { t } from '../app/text.js'
import { askToRemove, askToRotate, askToStop } from './acts.js'
import { FilterFields, filterOfForm } from './filter.js'
import { changesOfForm, DeliveryFields, S3Fields, WebhookFields } from './integration-fields.js'
import { Preview } from './preview.js'
import { Versioned } from './versioned.js'

/** @typedef {import('../app/integrations.js').Integration} Integration */

/** @param {{ id: string, integration: Integration }} props */
export function Edit({ id, integration }) {
  if (!mayConfigure.value) {
    return html`<section><p class="empty">${t('mayNotConfigure')}</p></section>`
  }
  const isWebhook = integration.callback_parameters !== undefined
  return html`<section aria-labelledby="edit">
      <h2 id="edit">${t('edit.title')}</h2>
      ${
        integration.integration_type === 'temporary'
          ? html`<p class="empty">${t('edit.temporary')}</p>`
          : integration.status === 'running'
            ? html`<p>${t('edit.running')}</p>
              <p><button onClick=${() => askToStop(id)}>${t('stop')}</button></p>`
            : html`<${Stopped} id=${id} />`
      }
    </section>
    ${
      isWebhook &&
      html`<section aria-labelledby="signing">
        <h2 id="signing">${t('rotate.heading')}</h2>
        <p>${t(integration.delivery?.['is_signed'] ? 'rotate.signed' : 'rotate.unsigned')}</p>
        <p><button onClick=${() => askToRotate(id)}>${t('rotate')}</button></p>
      </section>`
    }
    <section aria-labelledby="remove">
      <h2 id="remove">${t('remove.heading')}</h2>
      <p>${t('remove.text')}</p>
      <p><button class="dangerous" onClick=${() => askToRemove(id)}>${t('remove')}</button></p>
    </section>`
}

/** The form of one that stands still. @param {{ id: string }} props */
function Stopped({ id }) {
  const path = pathOf(id)
  /** @type {import('./versioned.js').Save} */
  const save = async (form, { etag, document }) => {
    const everything = document.filter_conditions ? null : undefined
    await change(path, {
      method: 'PATCH',
      headers: { 'if-match': etag },
      body: {
        ...changesOfForm(form, document),
        filter_conditions: filterOfForm(form) ?? everything,
      },
    })
    return t('edit.done', { id })
  }
  /** @type {import('./form.js').Beside} */
  const beside = (form, settle) =>
    html`<${Preview} form=${form} onTaken=${() => settle('filter_conditions')} />`
  return html`<${Versioned} ...${{ path, save, beside }} confirm=${t('save')}
    fields=${(/** @type {Integration} */ one) => html`<${Settings} integration=${one} />`} />`
}

/** @param {{ integration: Integration }} props */
function Settings({ integration }) {
  const { filter_conditions: filter, s3_parameters } = integration
  return html`${
    s3_parameters
      ? html`<${S3Fields} integration=${integration} />`
      : html`<${WebhookFields} integration=${integration} />`
  }
    <${FilterFields} filter=${filter} />
    ${!s3_parameters && html`<${DeliveryFields} integration=${integration} />`}`
}
