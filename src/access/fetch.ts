// Requests to issuers of tokens. Names are resolved without threads, so that a silent name server
// cannot block them; an answer has a limit.

import { Agent, fetch } from 'undici'
import { createConnector } from '../destination/connector.ts'

const MOST_BYTES = 1024 * 1024

type Options = { headers: ConstructorParameters<typeof Headers>[0] }

/** A fetch with connections of its own. */
export function createIssuerFetch() {
  const connect = createConnector({ allowPrivateTargets: true })()
  const dispatcher = new Agent({ connect, maxResponseSize: MOST_BYTES })
  return async (url: string, options: Options): Promise<Response> => {
    const headers = [...new Headers(options.headers)]
    // undici's types differ from those of Node's own copy of it.
    return (await fetch(url, { ...options, headers, dispatcher })) as unknown as Response
  }
}
