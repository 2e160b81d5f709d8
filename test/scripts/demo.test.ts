// `make demo` whole: its claims hold, it says what is wrong and what was done, and it leaves
// nothing behind.

import { spawn } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { temporary } from '../../scripts/kit/cluster.ts'
import { withoutSettings } from '../../scripts/kit/environment.ts'

/** What it must say, in this order; each is a claim that held. */
const SAID = [
  /millrace ready http/,
  /the same key: 201, duplicate: true/,
  /on-call hears after \d+ ms: millrace.integration_interrupted of warehouse/,
  /\(HTTP status code 503\)/,
  /on-call hears after \d+ ms: millrace.integration_recovered of warehouse/,
  /all \d+ have arrived, the refused one first/,
  /_start: running/,
  /GET …\/warehouse says: failing/,
  /No rack has this number/,
  /_skip \{"position": \d+, …\}: the others have arrived/,
  /_retry: delivered 1/,
  /GET …\/warehouse says: ok/,
  /events in [\d.]+ s, under the same webhook-ids/,
  /nothing lost, nothing foreign/,
  /The service has stopped and its directory is gone/,
]

it('tells what is broken and mends it, and ends by itself', async () => {
  const directory = temporary()
  const demo = spawn(process.execPath, [path.resolve('scripts/demo/run.ts')], {
    env: { ...withoutSettings(), TMPDIR: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [demo.stdout, demo.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk
    })
  }
  const status = await new Promise((resolve) => demo.once('close', resolve))
  expect(status, output).toBe(0)

  // A sentence that was too long for its line continues on the next one.
  let rest = output.replace(/\n {5}/g, ' ')
  for (const pattern of SAID) {
    const found = pattern.exec(rest)
    expect(found, `${pattern} is not said in:\n${rest}`).not.toBeNull()
    rest = rest.slice((found?.index ?? 0) + (found?.[0].length ?? 0))
  }
  expect(readdirSync(directory).filter((name) => name.startsWith('millrace'))).toEqual([])
  rmSync(directory, { recursive: true })
})
