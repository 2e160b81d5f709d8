// The service as a process, for a whole file or as tests start it, which prints no secret.

import { afterAll, beforeAll } from 'vitest'
import * as kit from '../../scripts/kit/service.ts'
import type { TestDatabase } from './database.ts'
import { sharedSecretIn } from './known-secrets.ts'

/** `kill` rejects if it has printed a secret that tests share. */
export type Service = kit.Service

/** Starts `millrace <command>` and waits until it says that it is ready. */
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
 * Gives the file a service on its database for its whole run. The environment may need what a
 * `beforeAll` above has made: it is asked for when the service starts.
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
