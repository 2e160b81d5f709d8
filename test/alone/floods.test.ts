// One tenant floods the service, by large events, by events that Postgres would refuse, or without
// a token: another one's publishes take at most three times as long.

import { spawn } from 'node:child_process'
import path from 'node:path'
import { expect, it } from 'vitest'
import { ADMIN_TOKEN, publish } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { useService } from '../helpers/service.ts'

const ROUNDS = 3
const PUBLISHES = 40
const program = path.resolve(import.meta.dirname, '../helpers/flood-process.ts')
const database = useDatabase()
const service = useService('serve', database)

let published = 0
/** The p50 of another tenant's publishes, one after the other, in ms. */
async function p50(): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < PUBLISHES; i++) {
    const start = performance.now()
    const key = `other-${published++}`
    const reply = await publish(service.url, { key, payload: '{}', tenant: 'other' })
    times.push(performance.now() - start)
    expect(reply.status).toBe(201)
  }
  return times.sort((a, b) => a - b)[PUBLISHES / 2] as number
}

/** The statuses that a flood gets while `meanwhile` goes on, and what that comes to. */
async function beside(kind: string, loops: number, meanwhile: () => Promise<number>) {
  const flood = spawn(process.execPath, [program, service.url, kind, String(loops)], {
    env: { ...process.env, FLOOD_TOKEN: ADMIN_TOKEN },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const statuses = new Set<string>()
  flood.stdout.on('data', (chunk) => {
    for (const status of String(chunk).trim().split('\n')) statuses.add(status)
  })
  const ended = new Promise((resolve) => flood.once('exit', resolve))
  try {
    await until('it is answered', () => statuses.size > 0)
    return { statuses, p50: await meanwhile() }
  } finally {
    flood.kill('SIGKILL')
    await ended
  }
}

it.each([
  ['64 publishers of 1 MB', 'large', 64, ['201', '503']],
  ['64 publishers of 1 MB to the collector', 'collected', 64, ['201', '503']],
  ['16 publishers of what is nested too deeply', 'deep', 16, ['400']],
  ['a loop of 20,000 names for a token', 'names', 1, ['400', 'none']],
])('%s', async (_, kind, loops, expected) => {
  const ratios: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const alone = await p50()
    const flooded = await beside(kind, loops, p50)
    for (const status of flooded.statuses) expect(expected).toContain(status)
    ratios.push(flooded.p50 / alone)
  }
  expect(ratios.sort((a, b) => a - b)[1]).toBeLessThan(3)
})
