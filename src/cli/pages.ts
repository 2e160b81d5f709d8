// Lists of the API that come in pages: `next` of an answer is `after` of the next request.

import type { ServiceClient } from './client.ts'

/** The most pages that one command reads. */
const MOST_PAGES = 100

/** The rows of `field` over all pages. Throws if there are more than a command reads. */
export async function* rowsOf<Row>(
  client: ServiceClient,
  path: string,
  field: string,
): AsyncGenerator<Row> {
  let next = path
  for (let page = 0; page < MOST_PAGES; page++) {
    const found = (await client.call('GET', next)) as Record<string, Row[]> & {
      next?: string | number | null
    }
    yield* found[field] ?? []
    if (found.next === undefined || found.next === null) return
    const separator = path.includes('?') ? '&' : '?'
    next = `${path}${separator}after=${encodeURIComponent(found.next)}`
  }
  throw new Error(`${path} has more than ${MOST_PAGES} pages.`)
}
