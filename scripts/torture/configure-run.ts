// `make torture-config`: one run with CHANGES and SEED from the environment (SEED=random takes a
// fresh one) on its own Postgres, and the result. Exit status 1 if anything broke.

import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { type Configured, configure } from './configure.ts'

const { CHANGES = '10000', SEED = '1' } = process.env
const seed = SEED === 'random' ? Math.floor(Math.random() * 1_000_000) : Number(SEED)
const changes = Number(CHANGES)
if (![seed, changes].every(Number.isFinite) || changes <= 0) {
  console.error('CHANGES and SEED are numbers; SEED may be "random".')
  process.exit(2)
}
const CHANGES_PER_KILL = 400

const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-configure-'))
const server = await startEmbeddedPostgres(directory)
const pool = new pg.Pool({ connectionString: server.url, max: 1 })
const started = Date.now()
try {
  console.log(`seed ${seed}, ${changes} changes`)
  const kills = Math.ceil(changes / CHANGES_PER_KILL)
  const database = { url: server.url, query: (text: string) => lastOf(text) }
  const say = (line: string) => console.log(line)
  const result = await configure({ seed, changes, kills, database, say })
  console.log(report(result, kills))
  process.exitCode = result.findings.counts().size === 0 ? 0 : 1
} finally {
  await pool.end()
  await server.stop()
  rmSync(directory, { recursive: true, force: true })
}

/** Of several statements, the last one's rows. */
async function lastOf(text: string): Promise<pg.QueryResult> {
  const results: unknown = await pool.query(text)
  return (Array.isArray(results) ? results.at(-1) : results) as pg.QueryResult
}

function report(result: Configured, kills: number): string {
  const { findings, statuses, taken, comparisons, events, restored, again } = result
  const list = (map: Map<string, number>) =>
    [...map]
      .toSorted()
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')
  return [
    `${taken} changes in ${Math.round((Date.now() - started) / 1_000)} s, ${kills} kills`,
    `answers: ${list(statuses)}`,
    `compared with the log ${comparisons} times`,
    `deleted and restored: ${list(restored)}`,
    `events ${events}; after that ${again} arrived again`,
    ...findings.lines(),
    findings.counts().size === 0 ? 'nothing broke' : `broke: ${list(findings.counts())}`,
  ].join('\n')
}
