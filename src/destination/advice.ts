// The remedy for a webhook that fails, by the status of its answer or the code of its error: the
// end of the sentence that logs, health and alerts show.

import type { IncomingHttpHeaders } from 'node:http'
import { type Answer, TimeOut } from './post.ts'

const byStatus: Record<number, string> = {
  401: 'check api_key and the signing secret',
  403: 'check api_key, and that the target lets this service in',
  404: 'check the path of callback_url',
  405: 'check the path of callback_url, which must take POST',
  407: 'check the proxy in front of the target',
  410: 'the target wants no more events; check callback_url',
  413: 'let the target take larger bodies',
  429: 'let the target take more, or lower max_in_flight',
}

const byCode: Record<string, string> = {
  ENOTFOUND: 'check the host of callback_url',
  EAI_AGAIN: 'check the host of callback_url, and its name server',
  ECONNREFUSED: 'nothing listens there; check the port of callback_url, and that the target runs',
  EHOSTUNREACH: 'check the host of callback_url, and the network',
  ENETUNREACH: 'check the host of callback_url, and the network',
  UND_ERR_CONNECT_TIMEOUT: 'check the host and port of callback_url, and firewalls',
  EPROTO: 'check that the port of callback_url speaks TLS, or use http',
}
const IN_TIME = 'let the target answer first and work later, or raise timeout_ms'
/** OpenSSL's codes: of a certificate that it refuses, and of an answer that is not TLS. */
const BAD_CERTIFICATE = /CERT|UNABLE_TO_|HOSTNAME/
const NO_TLS = /^ERR_SSL_/

/** The remedy for an answer other than 2xx. */
export function adviceOfAnswer({ status, headers }: Pick<Answer, 'status' | 'headers'>): string {
  if (status in byStatus) return byStatus[status] as string
  if (status >= 300 && status < 400) return `redirects are not followed; ${newUrlOf(headers)}`
  if (status >= 500) return "look into the target's own log"
  return 'check what the target expects of a request'
}

function newUrlOf({ location }: IncomingHttpHeaders): string {
  if (!location) return 'check callback_url'
  // Its query may hold a token.
  return `set callback_url to ${location.replace(/[?#].*/s, '')}`
}

/** The remedy if there is no answer; undefined if the error says it all. */
export function adviceOfError(error: Error): string | undefined {
  if (error instanceof TimeOut) return IN_TIME
  const { code = '' } = error as NodeJS.ErrnoException
  if (code in byCode) return byCode[code]
  if (NO_TLS.test(code)) return byCode['EPROTO']
  if (BAD_CERTIFICATE.test(code)) return 'let the target show a valid certificate for this host'
  return undefined
}
