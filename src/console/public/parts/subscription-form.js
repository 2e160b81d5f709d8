// The form of a subscription: a new one, and the change of one that there is.

import { useState } from 'preact/hooks'
import { change } from '../app/api.js'
import { html } from '../app/html.js'
import { goTo } from '../app/route.js'
import {
  accountOf,
  addressOf,
  pathOfSubscription,
  SUBSCRIPTIONS_PATH,
} from '../app/subscriptions.js'
import { t } from '../app/text.js'
import { Check, Choice, Field, Form, given, textsOf } from './form.js'
import { notify } from './notices.js'
import { Versioned } from './versioned.js'

/** @typedef {import('../app/subscriptions.js').Subscription} Subscription */

const CLASSES = /** @type {const} */ (['subscribeCreate', 'subscribeChange', 'subscribeDelete'])
/** The known ones; others are taken too. */
const ENTITY_TYPES = [
  ...['CUSTOMER', 'INVENTORY_LEVEL', 'INVENTORY_LOCATION', 'ORDER', 'PRICE', 'PRODUCT'],
  ...['VARIANT_PRODUCT', 'WISHLIST'],
]

/** The events that it takes, as text. @param {Subscription} subscription */
export function takenBy(subscription) {
  const classes = CLASSES.filter((one) => subscription[one])
  return `${subscription.entityType}: ${classes.map((one) => t(`subscriptions.${one}`)).join(', ')}`
}

export function NewSubscription() {
  /** @param {HTMLFormElement} form */
  const save = async (form) => {
    const { id, warnings = [] } = await change(SUBSCRIPTIONS_PATH, { body: bodyOf(form) })
    for (const { message } of warnings) notify(message)
    notify(t('subscriptions.made', { id }))
    goTo(['subscriptions', id])
  }
  return html`<section aria-label=${t('subscriptions.new')}>
    <${Form} save=${save} confirm=${t('subscriptions.create')}>
      <${Field} name="id" label="Id" required maxlength="100" hint=${t('subscriptions.idHint')} />
      <${Fields} />
    <//>
  </section>`
}

/** @param {{ id: string }} props */
export function EditSubscription({ id }) {
  /** @type {import('./versioned.js').Save} */
  const save = async (form, { etag }) => {
    const body = { ...bodyOf(form), id }
    await change(SUBSCRIPTIONS_PATH, { method: 'PUT', headers: { 'if-match': etag }, body })
    return t('subscriptions.saved', { id })
  }
  return html`<section aria-labelledby="edit">
    <h2 id="edit">${t('subscriptions.edit')}</h2>
    <p class="quiet">${t('subscriptions.editHint')}</p>
    <${Versioned} path=${pathOfSubscription(id)} save=${save} confirm=${t('save')}
      fields=${(/** @type {any} */ one) => html`<${Fields} subscription=${one} />`} />
  </section>`
}

/** @param {{ subscription?: Subscription }} props */
function Fields({ subscription }) {
  const [type, setType] = useState(subscription?.destination.type ?? 'SQS')
  const isNew = subscription === undefined
  const stored = subscription ? accountOf(subscription) : { region: '', endpoint: '' }
  const at = `destination.${type.toLowerCase()}`
  const hint = t(isNew ? 'form.awsKeyHint' : 'form.keptHint')
  return html`<${Field} name="entityType" label=${t('subscriptions.entityType')} required
      list="entity-types" value=${subscription?.entityType} hint=${t('subscriptions.entityHint')} />
    <datalist id="entity-types">
      ${ENTITY_TYPES.map((one) => html`<option value=${one} />`)}
    </datalist>
    <fieldset>
      <legend>${t('subscriptions.classes')}</legend>
      ${CLASSES.map(
        (one) => html`<${Check} name=${one} label=${t(`subscriptions.${one}`)}
          defaultChecked=${subscription?.[one] ?? true} />`,
      )}
    </fieldset>
    <${Choice} name="destination.type" legend=${t('new.target')} value=${type} onChoose=${setType}
      options=${[['SQS', t('subscriptions.sqs')], ['SNS', t('subscriptions.sns')]]}>
      <${Field} key=${type} name=${`${at}.${type === 'SQS' ? 'queueUrl' : 'topicArn'}`} required
        label=${t(type === 'SQS' ? 'subscriptions.queueUrl' : 'subscriptions.topicArn')}
        value=${subscription?.destination.type === type ? addressOf(subscription) : ''} />
      <${Field} name=${`${at}.region`} label=${t('form.region')} required
        placeholder="eu-central-1" value=${stored.region} />
      <${Field} name=${`${at}.accessKey`} label="Access key" hint=${hint} />
      <${Field} name=${`${at}.accessSecret`} label="Secret access key" type="password"
        autocomplete="new-password" hint=${hint} />
      <${Field} name=${`${at}.endpoint`} label=${t('form.endpoint')} type="url"
        value=${stored.endpoint} hint=${t('subscriptions.endpointHint')} />
    <//>`
}

/** @param {HTMLFormElement} form */
function bodyOf(form) {
  const text = textsOf(form)
  const type = text('destination.type')
  const field = type.toLowerCase()
  const names = ['queueUrl', 'topicArn', 'region', 'accessKey', 'accessSecret', 'endpoint']
  const account = Object.fromEntries(names.map((one) => [one, text(`destination.${field}.${one}`)]))
  return {
    ...given({ id: text('id') }),
    entityType: text('entityType'),
    ...Object.fromEntries(CLASSES.map((one) => [one, text(one) !== ''])),
    destination: { type, [field]: given(account) },
  }
}
