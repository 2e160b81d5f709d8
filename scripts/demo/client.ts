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
      const { status, body } = await post(`/events/${event.name}`, payload, headers)
      const { position, duplicate, details } = body as Partial<PublishReply> & {
        details?: { code: string }[]
      }
      if (status === 201 && position !== undefined && duplicate !== undefined) {
        return { status, position, duplicate, code: undefined }
      }
      return { status, position: 0, duplicate: false, code: details?.[0]?.code }
    },
    async register(registration: Registration): Promise<void> {
      await change('', 200, JSON.stringify(registration))
    },
    /** Resolves with the status afterwards: `stopped` once no more requests leave. */
    stop: (id: string) => change(`/${id}/_stop`, 200),
    start: (id: string) => change(`/${id}/_start`, 200),
  }

  async function change(path: string, expected: number, text = ''): Promise<string> {
    const { status, body } = await post(EVENTSTREAM + path, text, {})
    if (status === expected) return (body as { status: string }).status
    throw new Error(`POST ${EVENTSTREAM}${path} was answered ${status}: ${JSON.stringify(body)}`)
  }

  async function post(path: string, body: string, more: Record<string, string>) {
    const headers = { 'content-type': 'application/json', tenant, ...more }
    return send(url + path, { method: 'POST', headers, body, token }).catch((error) => {
      const { code, message } = error as NodeJS.ErrnoException
      throw new Error(`POST ${path} was not answered: ${code ?? message}.`, { cause: error })
    })
  }
}
