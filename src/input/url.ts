// URLs from outside that the service calls. The parser of URLs drops tabs and line breaks and takes
// a backslash for a slash: what is kept must be what is called, so these are refused.

import { hasControlCharacter } from './text.ts'

/** Why a text is no http or https URL to call, in words; undefined if it is one. */
export function faultOfUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return 'must be an absolute URL'
  if (!/^https?:\/\//i.test(text)) return 'must begin with http:// or https://'
  if (/[\s\\]/.test(text) || hasControlCharacter(text)) {
    return 'must not have blanks, backslashes or control characters'
  }
  const { username, password } = new URL(text)
  return username || password ? 'must not hold credentials' : undefined
}

/** A URL to show, if it was stored before credentials were refused; else it stays as it is. */
export function withoutCredentials(text: string): string {
  if (!URL.canParse(text)) return text
  const url = new URL(text)
  if (!url.username && !url.password) return text
  return Object.assign(url, { username: '', password: '' }).href
}
