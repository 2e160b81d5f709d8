// An HTTP status for people.

import { STATUS_CODES } from 'node:http'

/** "not found (HTTP status code 404)" */
export function statusText(status: number): string {
  const words = STATUS_CODES[status]
  const code = `HTTP status code ${status}`
  return words ? `${words.toLowerCase()} (${code})` : code
}
