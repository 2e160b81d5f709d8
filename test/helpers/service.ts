// The real program as a process, and a client for it.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Agent, request } from 'undici'
import { until } from '../../scripts/kit/until.ts'
import { expectDocumented } from './documented.ts'
import { ADMIN_TOKEN, sharedSecretIn } from './known-secrets.ts'

export { ADMIN_TOKEN }

const program = path.resolve(import.meta.dirname, '../../src/main.ts')

export type Service = {
  url: string
  process: ChildProcess
  /** Everything that it printed. */
  output(): string
  /** Rejects where it printed a secret that tests share. */
  kill(signal: NodeJS.Signals): Promise<number | null>
}

/** Starts `millrace <command>` and waits until it says that it is ready. */
export async function startService(
  command: 'start' | 'serve' | 'work',
  environment: NodeJS.ProcessEnv,
): Promise<Service> {
  const { DATABASE_URL: _, ...inherited } = process.env
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'millrace-test-'))
  const child = spawn(process.execPath, [program, command], {
    env: {
      ...inherited,
      PORT: '0',
      MILLRACE_DATA_DIR: dataDir,
      MILLRACE_ADMIN_TOKEN: ADMIN_TOKEN,
      MILLRACE_SECRET_KEY: '00'.repeat(32),
      MILLRACE_ALLOW_PRIVATE_TARGETS: 'true',
      MILLRACE_CHANGES_PER_MINUTE: '0',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      output += chunk
    })
  }
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  void exited.then(() => rmSync(dataDir, { recursive: true, force: true }))
  const [, url = ''] = await until(`millrace ${command} is ready`, () => {
    if (child.exitCode !== null) throw new Error(`millrace ${command} ended:\n${output}`)
    return /^millrace (?:ready (\S+)|working)$/m.exec(output)
  }).catch((error) => {
    child.kill('SIGKILL')
    throw error
  })
  return {
    url,
    process: child,
    output: () => output,
    async kill(signal) {
      child.kill(signal)
      const code = await exited
      if (sharedSecretIn(output))
        throw new Error(`millrace ${command} printed a secret:\n${output}`)
      return code
    },
  }
}

const agent = new Agent({ connections: 64 })
export type Reply<Body = unknown> = {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Body
}

/**
 * One request with the admin token; the answer's body parsed where it is JSON. Throws if the answer
 * is not what the service's document says.
 */
export async function call<Body = Record<string, unknown>>(
  url: string,
  options: {
    method?: string
    headers?: Record<string, string>
    body?: string | Buffer
    token?: string | null
  } = {},
): Promise<Reply<Body>> {
  const { method = options.body === undefined ? 'GET' : 'POST', token = ADMIN_TOKEN } = options
  const answer = await request(url, {
    dispatcher: agent,
    method: method as 'GET',
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      tenant: 'dodici',
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body: options.body }),
  })
  const text = await answer.body.text()
  const isJson = String(answer.headers['content-type']).startsWith('application/json')
  const body = (isJson ? JSON.parse(text) : text) as Body
  const reply = { status: answer.statusCode, headers: answer.headers, body }
  await expectDocumented(url, method, reply)
  return reply
}

type PublishBody = { position: number; published_at: string; duplicate: boolean }

/** Publishes an event as the gateway's clients do. */
export function publish(
  url: string,
  event: {
    name?: string
    entityId?: string
    key: string
    payload: string | Buffer
    tenant?: string
    headers?: Record<string, string>
  },
): Promise<Reply<PublishBody & { details?: { field: string; code: string }[] }>> {
  return call(`${url}/events/${event.name ?? 'order.created'}`, {
    headers: {
      tenant: event.tenant ?? 'dodici',
      team: 'team-orders',
      service: 'shop',
      'entity-id': event.entityId ?? 'order-1',
      'idempotency-key': event.key,
      ...event.headers,
    },
    body: event.payload,
  })
}

export const EVENTSTREAM = '/api/v1/org/integrations/eventstream'

/** Registers a permanent webhook integration; throws where that is not answered with 200. */
export async function register(
  url: string,
  id: string,
  callbackUrl: string,
  more: Record<string, unknown> = {},
  tenant = 'dodici',
): Promise<void> {
  const reply = await call(url + EVENTSTREAM, {
    headers: { tenant },
    body: JSON.stringify({
      id,
      integration_type: 'permanent',
      callback_parameters: { callback_url: callbackUrl },
      ...more,
    }),
  })
  if (reply.status !== 200) throw new Error(JSON.stringify(reply))
}
