// The fields of an integration, for registering and for changing one, and the body that they make.

import { useState } from 'preact/hooks'
import { html } from '../app/html.js'
import { t } from '../app/text.js'
import { Check, Field, FormError, given, textsOf } from './form.js'

/** @typedef {import('../app/integrations.js').Integration} Integration */

const MOST_HEADERS = 20

/**
 * The target and the delivery settings of a form; only what is given.
 * @param {HTMLFormElement} form
 * @param {{ isS3: boolean }} kind
 */
export function partsOfForm(form, { isS3 }) {
  const text = textsOf(form)
  const part = (/** @type {string} */ name, /** @type {string[]} */ fields) =>
    given(Object.fromEntries(fields.map((field) => [field, text(`${name}.${field}`)])))
  if (isS3) {
    const names = ['aws_region', 'bucket', 'key_prefix', 'endpoint', 'compression']
    const keys = ['aws_access_key_id', 'aws_secret_access_key']
    const s3_parameters = {
      ...part('s3_parameters', [...names, ...keys]),
      ...(text('s3_parameters.force_path_style') ? { force_path_style: true } : {}),
    }
    return { s3_parameters }
  }
  const isOpen = text('without_api_key') !== ''
  const callback_parameters = {
    callback_url: text('callback_parameters.callback_url'),
    ...part('callback_parameters', ['api_key']),
    ...(isOpen ? { api_key: '' } : {}),
  }
  const headers = text('without_headers') ? {} : headersOf(text('delivery.headers'))
  const delivery = {
    ...wholesOf(part('delivery', ['max_in_flight', 'timeout_ms'])),
    ...part('delivery', ['signing_secret']),
    ...(headers ? { headers } : {}),
  }
  return { callback_parameters, ...(Object.keys(delivery).length > 0 ? { delivery } : {}) }
}

/** The settings that a form takes away by leaving them empty. @type {Record<string, string[]>} */
const REMOVABLE = {
  s3_parameters: ['key_prefix', 'endpoint', 'force_path_style', 'compression'],
  delivery: ['max_in_flight', 'timeout_ms'],
}

/**
 * The same for one that has settings: null takes those away that the form leaves empty.
 * @param {HTMLFormElement} form
 * @param {Integration} stored the one that the form began with
 */
export function changesOfForm(form, stored) {
  const isS3 = stored.s3_parameters !== undefined
  const part = isS3 ? 's3_parameters' : 'delivery'
  /** @type {Record<string, Record<string, unknown>>} */
  const parts = partsOfForm(form, { isS3 })
  const gone = (REMOVABLE[part] ?? []).filter((name) => stored[part]?.[name] !== undefined)
  const nulls = Object.fromEntries(gone.map((name) => [name, null]))
  return { ...parts, [part]: { ...nulls, ...parts[part] } }
}

/** @param {Record<string, unknown>} fields */
const wholesOf = (fields) =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, Number(value)]))

/**
 * Lines like `x-shop: 17`; undefined if there is none.
 * @param {string} text
 */
function headersOf(text) {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  if (lines.length === 0) return undefined
  const pairs = lines.map((line) => {
    const [, name, value] = /^\s*([^:]+?)\s*:\s*(.*?)\s*$/.exec(line) ?? []
    if (name !== undefined && value !== undefined) return [name, value]
    throw new FormError([{ field: 'delivery.headers', message: t('form.noHeader', { line }) }])
  })
  return Object.fromEntries(pairs)
}

/** The target of a webhook. @param {{ integration?: Integration }} props */
export function WebhookFields({ integration }) {
  const isNew = integration === undefined
  return html`<fieldset>
    <legend>${t('form.webhook')}</legend>
    <${Field} name="callback_parameters.callback_url" label="URL" type="url" required
      value=${integration?.callback_parameters?.callback_url} />
    <${Field} name="callback_parameters.api_key" label=${t('form.apiKey')} type="password"
      autocomplete="new-password"
      hint=${t(isNew ? 'form.apiKeyHint' : 'form.keptHint')} />
    ${!isNew && html`<${Check} name="without_api_key" label=${t('form.withoutApiKey')} />`}
  </fieldset>`
}

/** How a webhook is sent. @param {{ integration?: Integration }} props */
export function DeliveryFields({ integration }) {
  const isNew = integration === undefined
  const { max_in_flight, timeout_ms, headers } = integration?.delivery ?? {}
  const names = Array.isArray(headers) ? headers : []
  const hint = names.length > 0 ? t('form.headersKept', { names: names.join(', ') }) : undefined
  return html`<fieldset>
    <legend>${t('form.delivery')}</legend>
    <${Field} name="delivery.max_in_flight" label=${t('form.inFlight')} type="number" min="1"
      max="100" hint=${t('form.inFlightHint')} value=${max_in_flight} placeholder="16" />
    <${Field} name="delivery.timeout_ms" label=${t('form.timeout')} type="number" min="100"
      max="300000" value=${timeout_ms} placeholder="30000" />
    <${Field} name="delivery.headers" label=${t('form.headers')} rows=${3}
      hint=${hint ?? t('form.headersHint', { most: MOST_HEADERS })} placeholder="x-shop: 17" />
    ${
      names.length > 0 &&
      html`<${Check} name="without_headers" label=${t('form.withoutHeaders')} />`
    }
    ${isNew && html`<${SigningSecret} />`}
  </fieldset>`
}

function SigningSecret() {
  const [made, setMade] = useState('')
  const make = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(32))
    setMade(`whsec_${btoa(String.fromCharCode(...bytes))}`)
  }
  return html`<${Field} key=${made} name="delivery.signing_secret" label=${t('form.signing')}
      hint=${t('form.signingHint')} value=${made} />
    <p><button type="button" onClick=${make}>${t('form.makeSecret')}</button></p>`
}

/** The target of files. @param {{ integration?: Integration }} props */
export function S3Fields({ integration }) {
  const isNew = integration === undefined
  const stored = /** @type {Record<string, string | boolean | undefined>} */ (
    integration?.s3_parameters ?? {}
  )
  const hint = t(isNew ? 'form.awsKeyHint' : 'form.keptHint')
  /** @param {string} name @param {string} label @param {object} [more] */
  const field = (name, label, more = {}) => html`<${Field} name=${`s3_parameters.${name}`}
    label=${label} value=${stored[name]} ...${more} />`
  return html`<fieldset>
    <legend>${t('form.s3')}</legend>
    ${field('bucket', 'Bucket', { required: true })}
    ${field('aws_region', t('form.region'), { required: true, placeholder: 'eu-central-1' })}
    ${field('aws_access_key_id', 'Access key', { hint })}
    ${field('aws_secret_access_key', 'Secret access key', {
      hint,
      type: 'password',
      autocomplete: 'new-password',
    })}
    ${field('key_prefix', t('form.prefix'), { hint: t('form.prefixHint') })}
    ${field('endpoint', t('form.endpoint'), { type: 'url', hint: t('form.endpointHint') })}
    <${Check} name="s3_parameters.force_path_style" label=${t('form.pathStyle')}
      defaultChecked=${stored['force_path_style'] === true} />
    <${Field} name="s3_parameters.compression" label=${t('form.compression')}
      options=${[['', t('form.none')], ['gzip', 'gzip']]} value=${stored['compression']} />
  </fieldset>`
}
