// One of the two that are compared: a program, a database that it has migrated, and what its
// processes and Postgres have used.

import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { Line } from '../bench/scenario.ts'
import { ADMIN_TOKEN } from '../kit/client.ts'
import { guardProcess } from '../kit/guard.ts'
import { median } from '../kit/measure.ts'
import { peakMiB } from '../kit/memory.ts'
import { databaseUrl, query } from '../kit/postgres.ts'
import { OPEN_SERVICE, PROGRAM, startProgram } from '../kit/program.ts'
import type { Command } from '../kit/service.ts'

export type Name = 'before' | 'after'
export type Programs = Record<Name, string>

/** The one that is checked out elsewhere, and this one. */
export const programsOf = (before: string): Programs => ({ before, after: PROGRAM })

/** The same for both. */
export async function both<T>(of: (name: Name) => Promise<T>): Promise<Record<Name, T>> {
  return { before: await of('before'), after: await of('after') }
}

/** Processes of one program on one database. */
export type Side = {
  /** Where `serve` or `start` answers. */
  url: string
  /** Microseconds of CPU that its processes have used. NaN without /proc. */
  cpuUs(): number
  /** The peak of their resident memory so far, in MiB. NaN without /proc. */
  peakMiB(): number
  stop(): Promise<void>
}

/** The URL of a new database of a server, migrated by the program itself. */
export async function migratedBy(program: string, serverUrl: string): Promise<string> {
  const name = `compare_${randomBytes(4).toString('hex')}`
  await query(serverUrl, `create database ${name}`)
  const url = databaseUrl(serverUrl, name)
  const { ended } = startProgram(['migrate'], { ...OPEN_SERVICE, DATABASE_URL: url }, { program })
  const { status, stderr } = await ended
  if (status !== 0) throw new Error(`millrace migrate ended (${status}): ${stderr}`)
  return url
}

/** Starts one process for each command. */
export async function startSide(
  program: string,
  database: string,
  commands: Command[],
): Promise<Side> {
  const settings = {
    ...OPEN_SERVICE,
    DATABASE_URL: database,
    MILLRACE_ADMIN_TOKEN: ADMIN_TOKEN,
    MILLRACE_LOG_LEVEL: 'error',
  }
  const started = commands.map((command) => startProgram([command], settings, { program }))
  for (const { process } of started) guardProcess(process)
  const urls = await Promise.all(started.map(({ ready }) => ready()))
  const pids = started.map(({ process }) => process.pid as number)
  return {
    url: urls.find((url) => url !== '') ?? '',
    cpuUs: () => pids.reduce((total, pid) => total + cpuUsOf(pid), 0),
    peakMiB: () => pids.reduce((total, pid) => total + peakMiB(pid), 0),
    async stop() {
      for (const { process } of started) process.kill('SIGTERM')
      await Promise.all(started.map(({ ended }) => ended))
    },
  }
}

/** Asks a server for its processes: a question for the CPU that all of them have used so far. */
export async function postgresCpu(databaseUrl: string): Promise<() => number> {
  // A process that lasts: a connection's own is gone when the answer is there.
  const { rows } = await query<{ pid: number }>(
    databaseUrl,
    `select pid from pg_stat_activity where backend_type = 'checkpointer'`,
  )
  const postmaster = Number(statOf(rows[0]?.pid as number)[1])
  return () => {
    const pids = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
    const children = pids.filter((pid) => statOf(pid)[1] === String(postmaster))
    return children.reduce((total, pid) => total + cpuUsOf(pid), endedUsOf(postmaster))
  }
}

/** A line of what both measured by turns; the ratio is the median of the turns' ratios. */
export function lineOf(what: string, unit: Line['unit'], runs: Record<Name, number[]>): Line {
  const ratios = runs.after.map((figure, turn) => figure / (runs.before[turn] as number))
  const figure = median(runs.before)
  const against = { what: 'before', figure, ratio: median(ratios), runs: runs.before }
  return { what, figure: median(runs.after), unit, against, runs: runs.after }
}

/** The fields of /proc/<pid>/stat after the name; none if there is no such process any more. */
function statOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
  } catch {
    return []
  }
}

/** Clock ticks are hundredths of a second on every Linux (man 5 proc). */
const TICK_US = 10_000
const ticksOf = (pid: number, ...fields: number[]) =>
  fields.reduce((total, field) => total + Number(statOf(pid)[field] ?? 0), 0) * TICK_US
const cpuUsOf = (pid: number) => ticksOf(pid, 11, 12)
/** Of its children that have ended. */
const endedUsOf = (pid: number) => ticksOf(pid, 11, 12, 13, 14)
