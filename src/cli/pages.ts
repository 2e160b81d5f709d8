// Lists of the API that come in pages.

import type { ServiceClient } from './client.ts'

/** The most pages that one command reads. */
const MOST_PAGES = 100

/**
 * The rows of `field` over all pages: `next` of an answer is `after` of the next request. Throws if
 * there are more than a command reads.
 */
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

/** The rows of a list that names its next page in a header. */
export async function* linkedRowsOf<Entry>(
  client: ServiceClient,
  path: string,
): AsyncGenerator<Entry> {
  let next: string | undefined = path
  while (next) {
    const answer: Response = await client.open('GET', next)
    yield* (await answer.json()) as Entry[]
    const [, following] = /<([^>]+)>; rel="next"/.exec(answer.headers.get('link') ?? '') ?? []
    // A page that leads nowhere would be read for ever.
    next = following === next ? undefined : following
  }
}
