// URLs from outside that the service calls. URL parsers drop tabs and line breaks, and read a
// backslash as a slash. The stored URL must be the called one, so these are refused.

import { hasControlCharacter } from './text.ts'

/** Why a text is not an http or https URL to call, as a sentence; undefined if it is one. */
export function faultOfUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return 'must be an absolute URL'
  if (!/^https?:\/\//i.test(text)) return 'must begin with http:// or https://'
  if (/[\s\\]/.test(text) || hasControlCharacter(text)) {
    return 'must not have blanks, backslashes or control characters'
  }
  const { username, password } = new URL(text)
  return username || password ? 'must not contain credentials' : undefined
}

/** A URL for answers: without credentials, which older versions accepted. */
export function withoutCredentials(text: string): string {
  if (!URL.canParse(text)) return text
  const url = new URL(text)
  if (!url.username && !url.password) return text
  return Object.assign(url, { username: '', password: '' }).href
}
