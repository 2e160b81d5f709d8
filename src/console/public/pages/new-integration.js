// Registering an integration: its target, its filter with a preview, and how it is sent.

import { useState } from 'preact/hooks'
import { change } from '../app/api.js'
import { html } from '../app/html.js'
import { LIST_PATH } from '../app/integrations.js'
import { linkTo } from '../app/route.js'
import { mayConfigure } from '../app/session.js'
import { t } from '../app/text.js'
import { askToTest } from '../parts/acts.js'
import { FilterFields, filterOfForm } from '../parts/filter.js'
import { Choice, Field, Form, given, textsOf } from '../parts/form.js'
import {
  DeliveryFields,
  partsOfForm,
  S3Fields,
  WebhookFields,
} from '../parts/integration-fields.js'
import { Once } from '../parts/once.js'
import { Plain } from '../parts/plain.js'
import { Preview } from '../parts/preview.js'

/** @typedef {import('../app/integrations.js').Integration} Integration */

export function NewIntegration() {
  const [made, setMade] = useState(
    /** @type {{ shown: Integration, secret: string } | null} */ (null),
  )
  return html`<h1 tabindex="-1">${t('new.title')}</h1>
    ${
      !mayConfigure.value
        ? html`<p class="empty">${t('mayNotConfigure')}</p>`
        : made
          ? html`<${Registered} ...${made} />`
          : html`<${Registration} onMade=${setMade} />`
    }`
}

/** @param {{ onMade(made: { shown: Integration, secret: string }): void }} props */
function Registration({ onMade }) {
  const [target, setTarget] = useState('webhook')
  const [type, setType] = useState('permanent')
  const [isS3, isTemporary] = [target === 's3', type === 'temporary']
  /** @param {HTMLFormElement} form */
  const save = async (form) => {
    const parts = partsOfForm(form, { isS3 })
    const shown = await change(LIST_PATH, { body: { ...identityOf(form), ...parts } })
    const secret = textsOf(form)('delivery.signing_secret')
    onMade({ shown, secret })
  }
  /** @type {import('../parts/form.js').Beside} */
  const beside = (form, settle) =>
    html`<${Preview} form=${form} onTaken=${() => settle('filter_conditions')} />`
  return html`<section aria-label=${t('new.title')}>
    <${Form} save=${save} confirm=${t('new.register')} beside=${beside}>
      <${Field} name="id" label="Id" required maxlength="50" hint=${t('new.idHint')} />
      <${Choice} name="target" legend=${t('new.target')} value=${target} onChoose=${setTarget}
        options=${[['webhook', t('new.webhook')], ['s3', t('new.s3')]]} />
      ${isS3 ? html`<${S3Fields} />` : html`<${WebhookFields} />`}
      <${FilterFields} />
      <${Choice} name="integration_type" legend=${t('new.period')} value=${type}
        onChoose=${setType} options=${[
          ['permanent', t('new.permanent')],
          ['temporary', t('new.temporary')],
        ]}>
        <${Field} name="starts_at" label=${t('from')} type="datetime-local" step="1"
          required=${isTemporary} hint=${isTemporary ? undefined : t('new.startHint')} />
        ${
          isTemporary &&
          html`<${Field} name="ends_at" label=${t('to')} type="datetime-local" step="1" required />`
        }
      <//>
      ${!isS3 && html`<${DeliveryFields} />`}
    <//>
  </section>`
}

/** Everything but the target. @param {HTMLFormElement} form */
function identityOf(form) {
  const text = textsOf(form)
  const filter_conditions = filterOfForm(form)
  const time = (/** @type {string} */ name) => text(name) && new Date(text(name)).toISOString()
  return {
    id: text('id'),
    integration_type: text('integration_type'),
    ...given({ starts_at: time('starts_at'), ends_at: time('ends_at') }),
    ...(filter_conditions ? { filter_conditions } : {}),
  }
}

/** @param {{ shown: Integration, secret: string }} props */
function Registered({ shown: { id, warnings = [], callback_parameters }, secret }) {
  return html`<section aria-label=${t('new.title')}>
    <p role="status"><strong>${t('new.done', { id })}</strong></p>
    ${warnings.map(({ message }) => html`<p class="problem"><${Plain} text=${message} /></p>`)}
    ${secret && html`<${Once} secret=${secret} label=${t('form.signing')} />`}
    <div class="buttons">
      <a class="button" href=${linkTo(['integrations', id])}>${t('open')}</a>
      ${callback_parameters && html`<button onClick=${() => askToTest(id)}>${t('test')}</button>`}
    </div>
  </section>`
}
