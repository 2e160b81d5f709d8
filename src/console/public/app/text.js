// The texts of the console in the reader's language, and times and numbers as that writes them.

import { computed, signal } from '@preact/signals'
import { de } from '../i18n/de.js'
import { en } from '../i18n/en.js'

/** @typedef {keyof typeof en} TextKey */

const KEY = 'millrace-language'
const texts = { en, de }
/** @typedef {keyof typeof texts} Language */

/** @type {import('@preact/signals').Signal<Language>} */
export const language = signal(firstLanguage())

/** @returns {Language} */
function firstLanguage() {
  const wanted = [localStorage.getItem(KEY), ...navigator.languages]
  const found = wanted.map((one) => one?.slice(0, 2)).find((one) => one === 'en' || one === 'de')
  return found ?? 'en'
}

/** @param {string} next */
export function chooseLanguage(next) {
  language.value = next === 'de' ? 'de' : 'en'
  localStorage.setItem(KEY, language.value)
}

/**
 * A text, with its {values}.
 * @param {TextKey} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  return texts[language.value][key].replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''))
}

/**
 * The text of a state or an action, which the service may have more of than this console knows.
 * @param {string} prefix
 * @param {string} value
 */
export function nameOf(prefix, value) {
  /** @type {Record<string, string>} */
  const known = texts[language.value]
  return known[`${prefix}.${value}`] ?? value.replaceAll('_', ' ')
}

const formats = computed(() => {
  const locale = language.value === 'de' ? 'de' : 'en-GB'
  return {
    number: new Intl.NumberFormat(locale, { maximumFractionDigits: 1 }),
    time: new Intl.DateTimeFormat(locale, { timeStyle: 'medium' }),
    day: new Intl.DateTimeFormat(locale, { dateStyle: 'medium' }),
    moment: new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' }),
  }
})

/** @param {number | null | undefined} value */
export const formatNumber = (value) => (value == null ? '–' : formats.value.number.format(value))

/**
 * A moment: the time of today, or the day with it.
 * @param {string | number | null | undefined} value
 */
export function formatTime(value) {
  if (value == null) return '–'
  const date = new Date(value)
  const isToday = date.toDateString() === new Date().toDateString()
  return isToday ? formats.value.time.format(date) : formats.value.moment.format(date)
}

/** The time of a day. @param {number} value */
export const formatClock = (value) => formats.value.time.format(value)

/** @param {number | null | undefined} seconds */
export function formatSeconds(seconds) {
  if (seconds == null) return '–'
  if (seconds < 1) return seconds === 0 ? '0 s' : '< 1 s'
  if (seconds < 120) return `${formatNumber(Math.round(seconds))} s`
  if (seconds < 7_200) return `${formatNumber(Math.round(seconds / 60))} min`
  if (seconds < 172_800) return `${formatNumber(Math.round(seconds / 3_600))} h`
  return `${formatNumber(Math.round(seconds / 86_400))} d`
}

/** @param {number | null | undefined} ms */
export function formatMs(ms) {
  if (ms == null) return '–'
  return ms < 10_000 ? `${formatNumber(ms)} ms` : formatSeconds(ms / 1_000)
}
