// `make torture-plants`: does the torture catch its planted bugs? Each bug of planted.ts is planted
// in a copy of the program and tortured; the table names the check that caught it. ONLY=3 plants
// the third alone. Exit status 1 if one was not caught.

import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { exitAtSignals } from '../kit/signals.ts'
import type { Plant } from './plant.ts'
import { plants } from './planted.ts'
import { torture } from './torture.ts'

const root = path.resolve(import.meta.dirname, '../..')
const { SECONDS = '30', SEED = '1', RATE = '4000', ONLY } = process.env
/** Once a bug is caught, there is no need to wait for the rest to drain. */
const DRAIN_MS = 15_000
const TRIES = 6

exitAtSignals()
const rows: string[] = []
let missed = 0
for (const [index, plant] of plants.entries()) {
  if (ONLY !== undefined && Number(ONLY) !== index + 1) continue
  console.log(`${index + 1}. ${plant.name}`)
  const caught = await tryPlant(plant)
  if (!caught) missed++
  rows.push(`${String(index + 1).padStart(2)}  ${plant.name.padEnd(50)}  ${caught ?? 'NOT CAUGHT'}`)
  console.log(rows.at(-1))
}
console.log(`\n${rows.join('\n')}`)
process.exit(missed === 0 ? 0 : 1)

/** The check that caught it, and its seed. It tries a few seeds, since harm must meet the bug. */
async function tryPlant(plant: Plant): Promise<string | undefined> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const seed = Number(SEED) + attempt
    const copy = plantIn(plant)
    try {
      const outcome = await torture({
        seed,
        seconds: Number(SECONDS),
        only: plant.only,
        perSecond: Number(RATE),
        program: path.join(copy, 'src/main.js'),
        drainMs: DRAIN_MS,
        say: () => {},
      })
      if (outcome.directory) rmSync(outcome.directory, { recursive: true, force: true })
      const counts = [...outcome.findings.counts()]
      if (counts.length > 0) {
        const list = counts.map(([check, times]) => `${check} (${times})`).join(', ')
        return `${list}; seed ${seed}`
      }
      console.log(`    nothing broke with seed ${seed}`)
    } finally {
      rmSync(copy, { recursive: true, force: true })
    }
  }
  return undefined
}

/** A copy of the program with the bug in it. */
function plantIn({ name, changes }: Plant): string {
  const copy = mkdtempSync(path.join(os.tmpdir(), 'millrace-plant-'))
  for (const part of ['src', 'sql', 'package.json']) {
    cpSync(path.join(root, part), path.join(copy, part), { recursive: true })
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'))
  for (const { file, find, put } of changes) {
    const copied = path.join(copy, file)
    const text = readFileSync(copied, 'utf8')
    if (text.split(find).length !== 2) throw new Error(`"${name}" does not fit ${file} any more.`)
    writeFileSync(
      copied,
      text.replace(find, () => put),
    )
  }
  return copy
}
