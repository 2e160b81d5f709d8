// `millrace <command>` as a process against a service, as a user of it runs it.

import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll } from 'vitest'
import { ADMIN_TOKEN } from '../../scripts/kit/client.ts'
import { type Ended, startProgram } from '../../scripts/kit/program.ts'

type Environment = Record<string, string>

/** A directory without a profile, for a whole file. */
export function useHome(): string {
  const home = mkdtempSync(path.join(os.tmpdir(), 'millrace-home-'))
  afterAll(() => rmSync(home, { recursive: true, force: true }))
  return home
}

/** The commands of a user of `dodici` on a service. */
export function commandsOn(service: { readonly url: string }, home: string) {
  const environment = (): Environment => ({
    MILLRACE_URL: service.url,
    MILLRACE_TOKEN: ADMIN_TOKEN,
    MILLRACE_TENANT: 'dodici',
    XDG_CONFIG_HOME: home,
  })
  const start = (args: string[], more: Environment = {}) =>
    startProgram(args, { ...environment(), ...more })
  return {
    environment,
    start,
    run: (args: string[], more?: Environment): Promise<Ended> => start(args, more).ended,
  }
}
