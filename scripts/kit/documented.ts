// Checks every answer that a test gets through `call` against the service's document: its status
// must be listed, and its body must fit.

import { request } from 'undici'
import { type Document, findPath, NDJSON_TYPE, type Operation, operationsOf } from './document.ts'

/** By origin; undefined for an origin without a document, such as a worker's port. */
const known = new Map<string, Promise<Operation[] | undefined>>()

/** Throws if an answer violates the document of the service. */
export async function expectDocumented(
  url: string,
  method: string,
  { status, headers, body }: { status: number; headers: Record<string, unknown>; body: unknown },
): Promise<void> {
  const { origin } = new URL(url)
  const asked = known.get(origin) ?? readOperations(origin)
  known.set(origin, asked)
  const operations = await asked
  if (!operations) {
    known.delete(origin)
    return
  }
  const found = findPath(operations, url)
  const operation =
    found.kind === 'path' ? found.operations.find((one) => one.method === method) : undefined
  // Node's refusal before there is a request: no body, and the connection ends.
  if (!operation || (body === '' && headers['connection'] === 'close')) return
  const report = (what: string) => {
    const answer = JSON.stringify(body).slice(0, 1_000)
    throw new Error(`${operation.id}, ${status}: ${what}: ${answer}`)
  }
  if (!operation.answers.has(status)) report('a status that is not documented')
  const expected = operation.answers.get(status)
  if (!expected && body !== '') report('a body that is not documented')
  const lines = String(headers['content-type']).startsWith(NDJSON_TYPE) ? linesIn(body) : [body]
  if (expected && !lines.every(expected.fits)) report('a body of another shape than is documented')
}

/** The values of a body of NDJSON. */
function linesIn(body: unknown): unknown[] {
  const lines = String(body).split('\n')
  return lines.filter(Boolean).map((line) => JSON.parse(line))
}

async function readOperations(origin: string): Promise<Operation[] | undefined> {
  const answer = await request(`${origin}/openapi.json`).catch(() => undefined)
  if (answer?.statusCode === 200) return operationsOf((await answer.body.json()) as Document)
  await answer?.body.dump()
  return undefined
}
