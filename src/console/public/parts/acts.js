// The acts on an integration or a subscription. Each says first what it will do, and asks.

import { ask, change } from '../app/api.js'
import { html } from '../app/html.js'
import { pathOf } from '../app/integrations.js'
import { goTo } from '../app/route.js'
import { pathOfSubscription } from '../app/subscriptions.js'
import { formatTime, t } from '../app/text.js'
import { openDialog } from './dialog.js'
import { Exchange } from './exchange.js'
import { Once } from './once.js'

/** @typedef {import('../app/integrations.js').Integration} Integration */

/** @param {string} id */
export function askToStop(id) {
  openDialog({
    title: t('stop.title', { id }),
    text: t('stop.text'),
    confirm: t('stop'),
    isDangerous: true,
    async act() {
      await change(pathOf(id, '/_stop'))
      return t('stop.done', { id })
    },
  })
}

/** @param {string} id */
export function askToStart(id) {
  openDialog({
    title: t('start.title', { id }),
    text: t('start.text'),
    confirm: t('start'),
    async act() {
      await change(pathOf(id, '/_start'))
      return t('start.done', { id })
    },
  })
}

/** @param {string} id */
export function askToTest(id) {
  openDialog({
    title: t('test.title', { id }),
    text: t('test.text'),
    confirm: t('test'),
    async act() {
      const result = await change(pathOf(id, '/_test'), { body: {} })
      return { shown: html`<${Exchange} result=${result} />` }
    },
  })
}

/**
 * @param {{ id: string, path: string, isStopped: boolean }} of
 * @param {number} position
 * @param {string} event what it is about, as text
 */
export function askToSkip({ id, path, isStopped }, position, event) {
  openDialog({
    title: t('skip.title', { id }),
    text: t(isStopped ? 'skip.textStopped' : 'skip.text', { event, id }),
    confirm: t('skip'),
    isDangerous: true,
    fields: [{ name: 'reason', label: t('reason'), required: true }],
    async act({ reason }) {
      await change(`${path}/_skip`, { body: { position, reason } })
      return t(isStopped ? 'skip.doneStopped' : 'skip.done', { id })
    },
  })
}

/**
 * @param {'integration' | 'subscription'} kind
 * @param {string} id
 * @param {number} position
 */
export function askToResend(kind, id, position) {
  const path = kind === 'integration' ? pathOf(id) : pathOfSubscription(id)
  openDialog({
    title: t('resend.title', { id }),
    text: t('resend.text'),
    confirm: t('resend'),
    fields: [{ name: 'reason', label: t('reasonIfAny') }],
    async act({ reason }) {
      const body = { position, ...(reason?.trim() ? { reason } : {}) }
      const { outcome, reason: why } = await change(`${path}/_resend`, { body })
      if (outcome === 'delivered') return t('resend.done', { id })
      throw new Error(why ?? outcome)
    },
  })
}

/**
 * @param {string} path
 * @param {{ id: string, name: string }} event
 */
export async function retryRejected(path, event) {
  await change(`${path}/rejected_events/${event.id}/_retry`)
  return t('rejected.retried', { name: event.name })
}

/**
 * @param {{ path: string, isGone: boolean }} of
 * @param {{ id: string, name: string }} event
 */
export function askToDelete({ path, isGone }, event) {
  openDialog({
    title: t('rejected.deleteTitle', { name: event.name }),
    text: t(isGone ? 'rejected.deleteOfGone' : 'rejected.deleteText'),
    confirm: t('delete'),
    isDangerous: true,
    async act() {
      await change(`${path}/rejected_events/${event.id}`, { method: 'DELETE' })
      return t('rejected.deleted', { count: 1 })
    },
  })
}

/** @param {string} path @param {number} count */
export function askToRetryAll(path, count) {
  openDialog({
    title: t('rejected.retryAllTitle', { count }),
    text: t('rejected.retryAllText'),
    confirm: t('rejected.retryAll'),
    async act() {
      const { delivered } = await change(`${path}/rejected_events/_retry`)
      return t('rejected.retriedAll', { count: delivered })
    },
  })
}

/** @param {{ path: string, isGone: boolean }} of @param {number} count */
export function askToDeleteAll({ path, isGone }, count) {
  openDialog({
    title: t('rejected.deleteAllTitle', { count }),
    text: t(isGone ? 'rejected.deleteOfGone' : 'rejected.deleteText'),
    confirm: t('rejected.deleteAll'),
    isDangerous: true,
    async act() {
      const { deleted } = await change(`${path}/rejected_events`, { method: 'DELETE' })
      return t('rejected.deleted', { count: deleted })
    },
  })
}

/**
 * @param {string} path
 * @param {number} number
 */
export function askToCancelReplay(path, number) {
  openDialog({
    title: t('replay.cancelTitle', { number }),
    text: t('replay.cancelText'),
    confirm: t('replay.cancel'),
    isDangerous: true,
    async act() {
      await change(`${path}/replays/${number}`, { method: 'DELETE' })
      return t('replay.cancelled', { number })
    },
  })
}

/**
 * Counts a replay first, and says the number before it starts; then, whether it has started.
 * @param {{ id: string, path: string }} of
 * @param {{ from: string, to: string, rate?: number }} body
 */
export async function askToReplay({ id, path }, body) {
  const query = { dry_run: 'true' }
  const { events, is_estimate, oldest_event_at } = await ask(`${path}/replays`, {
    method: 'POST',
    query,
    body,
  })
  const count = `${is_estimate ? '≈ ' : ''}${events}`
  if (events === 0) {
    throw new Error(t(oldest_event_at === null ? 'replay.emptyLog' : 'replay.nothing'))
  }
  openDialog({
    title: t('replay.title', { id }),
    text: t('replay.text', { count, from: body.from, to: body.to }),
    confirm: t('replay.start'),
    async act() {
      /** @type {{ number: number, state: string }} */
      const { number, state } = await change(`${path}/replays`, { body })
      const how = state === 'queued' || state === 'waiting' ? state : 'started'
      return t(`replay.${how}`, { number, count, id })
    },
  })
}

/** @param {string} id */
export function askToRotate(id) {
  openDialog({
    title: t('rotate.title', { id }),
    text: t('rotate.text'),
    confirm: t('rotate'),
    async act() {
      const rotated = await change(pathOf(id, '/_rotate_signing_secret'), { body: {} })
      const until = t('rotate.until', { until: formatTime(rotated.previous_valid_until) })
      const secret = html`<${Once} secret=${rotated.signing_secret} label=${t('form.signing')} />`
      return { shown: html`${secret}<p>${until}</p>` }
    },
  })
}

/** @param {string} id */
export function askToRemove(id) {
  openDialog({
    title: t('remove.title', { id }),
    text: t('remove.text'),
    confirm: t('remove'),
    isDangerous: true,
    async act() {
      await change(pathOf(id), { method: 'DELETE' })
      goTo([])
      return t('remove.done', { id })
    },
  })
}
