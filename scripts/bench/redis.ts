// A redis-server of the benchmark's own, where there is one on the PATH, for the rival that needs
// it. It writes its append-only file every second: what it has acknowledged in the last second a
// crash may take, which PostgreSQL does not allow itself.

import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { Redis } from 'ioredis'
import { guardProcess } from '../kit/guard.ts'
import type { Stage } from './stage.ts'

type RedisServer = {
  /** The path of its socket. */
  url: string
  version: string
  stop(): Promise<void>
}

/** The version of the redis-server on the PATH; undefined where there is none. */
export function redisVersion(): string | undefined {
  const { stdout } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' })
  return /v=(\S+)/.exec(stdout ?? '')?.[1]
}

/** Starts it in the stage's directory; undefined where there is none. */
export async function startRedis(stage: Stage): Promise<RedisServer | undefined> {
  const version = redisVersion()
  if (version === undefined) return undefined
  const directory = path.join(stage.directory, 'redis')
  mkdirSync(directory, { recursive: true })
  const url = path.join(directory, 'redis.sock')
  const place = ['--port', '0', '--unixsocket', url, '--dir', directory]
  const durability = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', '']
  const child = spawn('redis-server', [...place, ...durability], { stdio: 'ignore' })
  guardProcess(child)
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const client = new Redis({ path: url, retryStrategy: () => 50, maxRetriesPerRequest: 100 })
  client.on('error', () => {}) // it is not up yet; ping rejects where it never is
  await client.ping()
  client.disconnect()
  return {
    url,
    version,
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}
