// The service under fuzz: a server and a worker that refuse private targets, a name server for
// their names, and a port that nobody may connect to.

import net from 'node:net'
import path from 'node:path'
import { listen } from '../kit/listen.ts'
import { type NameServer, startNameServer } from '../kit/name-server.ts'
import { startService as startProcess } from '../kit/service.ts'
import { until } from '../kit/until.ts'

export const ADMIN_TOKEN = 'fuzz-admin-token'
export const JWT_SECRET = 'a-shared-secret-of-the-fuzz-of-32-characters'
const PRELOAD = path.join(import.meta.dirname, 'memory.ts')

export type Memory = { heap: number; resident: number }

export type Service = {
  url: URL
  listenerPort: number
  /** How often somebody connected to the listener. */
  connections(): number
  /** From now on the name without an address leads to the listener. */
  rebind(): void
  /** The serving process's memory after a collection, in bytes. */
  memory(): Promise<Memory>
  /** Everything that the server and the worker printed. */
  output(): [serve: string, work: string]
  /** Ends everything; the exit statuses. */
  stop(): Promise<(number | null)[]>
}

/** Starts it on a migrated database. */
export async function startService(databaseUrl: string): Promise<Service> {
  const names = await startNames()
  let connections = 0
  const listener = net.createServer((socket) => {
    connections++
    socket.destroy()
  })
  const listenerPort = await listen(listener)
  const environment = {
    ...names.environment,
    DATABASE_URL: databaseUrl,
    MILLRACE_ADMIN_TOKEN: ADMIN_TOKEN,
    MILLRACE_JWT_SECRET: JWT_SECRET,
    MILLRACE_ALLOW_PRIVATE_TARGETS: 'false',
    MILLRACE_RETRY_BASE_MS: '50',
  }
  const NODE_OPTIONS = `${names.environment.NODE_OPTIONS} --import ${PRELOAD}`
  const serve = await startProcess('serve', { ...environment, NODE_OPTIONS })
  const work = await startProcess('work', { ...environment, MILLRACE_MONITOR_PORT: '0' }).catch(
    async (error) => {
      await serve.kill('SIGKILL')
      throw error
    },
  )

  return {
    url: new URL(serve.url),
    listenerPort,
    connections: () => connections,
    rebind: () => void names.names.set('rebound.fuzz.test', ['127.0.0.1']),
    async memory() {
      const before = serve.output().length
      serve.process.kill('SIGUSR2')
      const [, heap, resident] = await until('the service tells what it uses', () =>
        /^memory (\d+) (\d+)$/m.exec(serve.output().slice(before)),
      )
      return { heap: Number(heap), resident: Number(resident) }
    },
    output: () => [serve.output(), work.output()],
    async stop() {
      const statuses = await Promise.all([serve.kill('SIGTERM'), work.kill('SIGTERM')])
      listener.close()
      await names.close()
      return statuses
    },
  }
}

/** A name server that knows two names, and answers at once that others do not exist. */
async function startNames(): Promise<NameServer> {
  const names = await startNameServer()
  names.names = new (class extends Map<string, string[]> {
    override get(name: string) {
      return super.get(name) ?? []
    }
  })([['inside.fuzz.test', ['127.0.0.1']]])
  return names
}
