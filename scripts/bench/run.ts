// `make bench`: runs the scenarios one after the other on a PostgreSQL of its own, prints one table
// on standard output, and writes it as JSON to bench.json. What it prints was measured in that run.
// It fails where a scenario finds an event lost or an entity's order broken, never for a figure.

import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { append } from './append.ts'
import { bulk } from './bulk.ts'
import { delivery } from './delivery.ts'
import { fairness } from './fairness.ts'
import { growth } from './growth.ts'
import { jit } from './jit.ts'
import { latency } from './latency.ts'
import { describeMachine } from './machine.ts'
import { publish } from './publish.ts'
import { queue } from './queue.ts'
import { replay } from './replay.ts'
import { s3 } from './s3.ts'
import type { Scenario } from './scenario.ts'
import { openStage, type Stage } from './stage.ts'
import { type Measured, renderTable } from './table.ts'
import { together } from './together.ts'

const scenarios = [
  publish,
  append,
  bulk,
  delivery,
  together,
  latency,
  fairness,
  replay,
  s3,
  queue,
  growth,
]
/** They need what npm does not install, and run by name only. */
const onRequest = [jit]
const OUTPUT = 'bench.json'

const words = process.argv.slice(2)
const size = words.includes('--smoke') ? 'smoke' : 'full'
const chosen = words.filter((word) => word !== '--smoke').map(named)

// What is running is ended by the guard; here is nothing to wait for.
process.on('SIGINT', () => process.exit(130))
process.on('SIGTERM', () => process.exit(143))

const stage = await openStage()
// Dozens of processes are started: in seconds, they must not each compile the same again.
if (size === 'smoke') process.env['NODE_COMPILE_CACHE'] = path.join(stage.directory, 'compiled')
const machine = describeMachine({ postgres: stage.postgresVersion, size })
const measured: Measured[] = []
try {
  for (const scenario of chosen.length > 0 ? chosen : scenarios) await measure(scenario, stage)
} finally {
  await stage.close()
}
const result = { ...machine, scenarios: measured }
writeFileSync(OUTPUT, `${JSON.stringify(result, null, 2)}\n`)
console.log(renderTable(machine, measured))
console.error(`\nwritten to ${path.resolve(OUTPUT)}`)
process.exit(measured.some(({ failure }) => failure !== undefined) ? 1 : 0)

/** A scenario that fails does not take from the others what they measure. */
async function measure(scenario: Scenario, place: Stage): Promise<void> {
  const started = performance.now()
  process.stderr.write(`${scenario.name} …`)
  const entry: Measured = { name: scenario.name, seconds: 0, lines: [] }
  try {
    entry.lines = await scenario.run(place, size)
  } catch (error) {
    entry.failure = (error as Error).message
    process.stderr.write(` FAILED: ${(error as Error).stack}\n`)
  }
  entry.seconds = Math.round((performance.now() - started) / 100) / 10
  measured.push(entry)
  process.stderr.write(` ${entry.seconds} s\n`)
}

function named(word: string): Scenario {
  const known = [...scenarios, ...onRequest]
  const scenario = known.find(({ name }) => name === word)
  if (scenario) return scenario
  console.error(
    `There is no scenario ${word}: ${known.map(({ name }) => name).join(', ')}; --smoke.`,
  )
  return process.exit(2)
}
