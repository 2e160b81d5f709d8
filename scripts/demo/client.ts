// A client of the service: it publishes events and configures integrations.

import { EVENTSTREAM, send } from '../kit/client.ts'
import type { RetailEvent } from './event.ts'

type PublishReply = {
  status: number
  position: number
  duplicate: boolean
  /** For a refusal: the code of its first fault. */
  code: string | undefined
}

type Registration = {
  id: string
  integration_type: 'permanent'
  starts_at?: string
  filter_conditions?: { entity_filter: string[] }
  callback_parameters: { callback_url: string; api_key: string }
}

/** Of an integration: the sentence says since when it fails, and why; the event holds it up. */
type Health = { state: string; message: string; position: number | null }

export type Client = ReturnType<typeof createClient>

/** A client of the service at `url` for one tenant. */
export function createClient(options: { url: string; token: string; tenant: string }) {
  const { url, token, tenant } = options

  return {
    /** Publishes `payload`, JSON text, as the body of the event. */
    async publish(event: RetailEvent, payload: string): Promise<PublishReply> {
      const headers = {
        team: event.team,
        service: event.service,
        'entity-id': event.entityId,
        'idempotency-key': event.idempotencyKey,
        'correlation-ids': JSON.stringify(event.correlationIds),
      }
      const { status, body } = await ask('POST', `/events/${event.name}`, payload, headers)
      const { position, duplicate, details } = body as Partial<PublishReply> & {
        details?: { code: string }[]
      }
      if (status === 201 && position !== undefined && duplicate !== undefined) {
        return { status, position, duplicate, code: undefined }
      }
      return { status, position: 0, duplicate: false, code: details?.[0]?.code }
    },
    async register(registration: Registration): Promise<void> {
      await call('POST', '', registration)
    },
    /** Resolves with the status afterwards: `stopped` once no more requests leave. */
    stop: (id: string) => statusAfter(`/${id}/_stop`),
    start: (id: string) => statusAfter(`/${id}/_start`),
    async health(id: string): Promise<Health> {
      return (await call<{ health: Health }>('GET', `/${id}`)).health
    },
    /** Keeps the event that holds up the stream as rejected, so that the stream goes on. */
    async skipEvent(id: string, event: { position: number; reason: string }): Promise<void> {
      await call('POST', `/${id}/_skip`, event)
    },
    /** Sends the rejected events again; resolves with the number of those that were taken. */
    async retryRejected(id: string): Promise<number> {
      return (await call<{ delivered: number }>('POST', `/${id}/rejected_events/_retry`)).delivered
    },
  }

  async function statusAfter(path: string): Promise<string> {
    return (await call<{ status: string }>('POST', path)).status
  }

  /** A request about integrations. */
  async function call<Body>(method: string, path: string, sent?: object): Promise<Body> {
    const text = sent ? JSON.stringify(sent) : ''
    const { status, body } = await ask(method, EVENTSTREAM + path, text)
    if (status === 200) return body as Body
    throw new Error(
      `${method} ${EVENTSTREAM}${path} was answered ${status}: ${JSON.stringify(body)}`,
    )
  }

  async function ask(
    method: string,
    path: string,
    body: string,
    more: Record<string, string> = {},
  ) {
    const headers = { 'content-type': 'application/json', tenant, ...more }
    const request = { method, headers, token, body: body || undefined }
    return send(url + path, request).catch((error) => {
      const { code, message } = error as NodeJS.ErrnoException
      throw new Error(`${method} ${path} was not answered: ${code ?? message}.`, { cause: error })
    })
  }
}
