// The formats that are checked, each in one pass over the text. Any other is a note for readers, as
// JSON Schema has it.

import { isIP } from 'node:net'
import { microsecondsOf } from '../input/time.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const MAIL = /^[^\s@]+@[^\s@]+$/
const TIME = /^\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/
const DATE = /^\d{4}-\d{2}-\d{2}$/
/** RFC 3986's characters, with a scheme. */
const URI = /^[A-Za-z][A-Za-z0-9+.-]*:[\w.~:/?#[\]@!$&'()*+,;=%-]*$/
/** A longer text is of none of these formats. */
const LONGEST = 8_192

const isTime = (text: string) =>
  TIME.test(text) && microsecondsOf(`2026-01-01T${text}`) !== undefined
const isDate = (text: string) =>
  DATE.test(text) && microsecondsOf(`${text}T00:00:00Z`) !== undefined

const formats: Record<string, (text: string) => boolean> = {
  'date-time': (text) => microsecondsOf(text) !== undefined,
  date: isDate,
  time: isTime,
  email: (text) => MAIL.test(text),
  uuid: (text) => UUID.test(text),
  uri: (text) => URI.test(text),
  ipv4: (text) => isIP(text) === 4,
  ipv6: (text) => isIP(text) === 6,
}

/** The check of a format; undefined if it is not checked. */
export function formatCheck(name: string): ((text: string) => boolean) | undefined {
  const check = Object.hasOwn(formats, name) ? formats[name] : undefined
  return check && ((text) => text.length <= LONGEST && check(text))
}
