// Requests that depend on versions.

import { AnswerError, type ServiceClient } from '../client.ts'

/** The JSON of an answer, and its ETag ('' if it has none); undefined if it is 404. */
export async function readVersion(
  client: ServiceClient,
  path: string,
): Promise<{ body: unknown; etag: string } | undefined> {
  try {
    const answer = await client.open('GET', path)
    return { body: await answer.json(), etag: answer.headers.get('etag') ?? '' }
  } catch (error) {
    if (error instanceof AnswerError && error.status === 404) return undefined
    throw error
  }
}

/** A change of the version that `etag` names. Resolves with the answer's own ETag and JSON. */
export async function changeVersion(
  client: ServiceClient,
  request: { method: string; path: string; etag: string; body?: object },
): Promise<{ body: unknown; etag: string }> {
  const { method, path, etag, body } = request
  const answer = await client.open(method, path, {
    headers: etag ? { 'if-match': etag } : {},
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  const text = await answer.text()
  return {
    body: text === '' ? undefined : JSON.parse(text),
    etag: answer.headers.get('etag') ?? '',
  }
}
