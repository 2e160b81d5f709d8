// The service as a process, for a whole file or for single tests. It must print no secret.

import { afterAll, beforeAll } from 'vitest'
import { call, EVENTSTREAM } from '../../scripts/kit/client.ts'
import { type Answer, openReceiver, type Receiver } from '../../scripts/kit/receiver.ts'
import * as kit from '../../scripts/kit/service.ts'
import type { TestDatabase } from './database.ts'
import { sharedSecretIn } from './known-secrets.ts'

/** `kill` rejects if it has printed a secret that tests share. */
export type Service = kit.Service

/** Starts `millrace <command>` and waits until it reports that it is ready. */
export async function startService(
  command: kit.Command,
  environment: NodeJS.ProcessEnv,
): Promise<Service> {
  const service = await kit.startService(command, environment)
  return {
    ...service,
    async kill(signal) {
      const status = await service.kill(signal)
      if (!sharedSecretIn(service.output())) return status
      throw new Error(`millrace ${command} printed a secret:\n${service.output()}`)
    },
  }
}

/**
 * Gives the file a service on its database for its whole run. The environment may need the results
 * of a `beforeAll` above: it is computed when the service starts.
 */
export function useService(
  command: kit.Command,
  database: TestDatabase,
  environment: () => NodeJS.ProcessEnv = () => ({}),
): Service {
  const service = {} as Service
  beforeAll(async () => {
    const settings = { DATABASE_URL: database.url, ...environment() }
    Object.assign(service, await startService(command, settings))
  })
  afterAll(() => service.kill('SIGTERM'))
  return service
}

/** Gives the file a receiver for its whole run. */
export function useReceiver(answer?: Answer): Receiver {
  const receiver = {} as Receiver
  beforeAll(async () => void (await openReceiver(receiver, answer)))
  afterAll(() => receiver.close())
  return receiver
}

/** Requests of one tenant to a service. A body is sent as JSON. */
export function api<Body = Record<string, unknown>>(
  service: { readonly url: string },
  tenant = 'dodici',
) {
  const ask = (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ) =>
    call<Body>(service.url + path, {
      method,
      headers: { tenant, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
  return {
    ask,
    /** One integration, or an action or a list of it: `on('erp', '/_stop', 'POST')`. */
    on: (id: string, action = '', method = 'GET') => ask(method, `${EVENTSTREAM}/${id}${action}`),
    patch: (id: string, body: unknown, headers?: Record<string, string>) =>
      ask('PATCH', `${EVENTSTREAM}/${id}`, body, headers),
  }
}
