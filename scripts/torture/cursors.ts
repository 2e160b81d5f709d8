// Samples cursors all the time. A cursor goes back if the low-water mark of a (consumer, run), up
// to which everything is settled, is smaller than in an earlier sample. That is allowed only after
// a crash of the database, and only for progress that was not durable yet, since progress is
// written with relaxed durability. Durability is known exactly. A mark was written before the end
// of the WAL at its sample, so once that end is flushed, here and on the standby, the mark is
// durable. Samples tell servers apart by the server's own start time: by the clock, an answer from
// a dying server would pass for one after the crash.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Findings } from '../kit/findings.ts'
import type { Session } from './session.ts'

const SAMPLE_MS = 50

type CursorRow = {
  consumer: string
  run: number
  epoch: number
  owner: string | null
  low_water: number
}

/** The content of one answer of the server. */
export type Sample = {
  at: number
  /** When the answering server was started. */
  server: string
  /** The end of the WAL, in bytes: durable, on the standby too, and written. */
  flushed: number
  inserted: number
  rows: CursorRow[]
}

type Mark = { at: number; position: number; inserted: number }

type Track = {
  epoch: number
  owner: string | null
  /** Rising; the first one is durable, the others may not be. */
  marks: Mark[]
}

export type CursorJudge = {
  look(sample: Sample): void
  samples(): number
  /** How often a crash took a mark back, within the allowed bounds. */
  takenBack(): number
  /** The age of the oldest progress that a crash took back, ms. */
  mostTakenBackMs(): number
}

export function createCursorJudge(findings: Findings): CursorJudge {
  const tracks = new Map<string, Track>()
  let last: Sample | undefined
  let samples = 0
  let takenBack = 0
  let mostTakenBackMs = 0

  return {
    samples: () => samples,
    takenBack: () => takenBack,
    mostTakenBackMs: () => mostTakenBackMs,
    look(sample) {
      samples++
      const hasCrashed = last !== undefined && last.server !== sample.server
      for (const row of sample.rows) {
        const key = `${row.consumer}/${row.run}`
        const track = tracks.get(key) ?? { epoch: 0, owner: null, marks: [] }
        tracks.set(key, track)
        if (hasCrashed) judgeCrash(key, track, row, last as Sample)
        else judge(key, track, row)
        note(track, row, sample)
      }
      last = sample
    },
  }

  function judge(key: string, track: Track, row: CursorRow): void {
    const highest = track.marks.at(-1)?.position ?? 0
    if (row.low_water < highest) {
      const fell = `${key} fell from ${highest} to ${row.low_water}`
      findings.broke('cursor went back', `${fell} in epoch ${row.epoch}`)
    }
    if (row.epoch < track.epoch) {
      findings.broke('epoch went back', `${key} from ${track.epoch} to ${row.epoch}`)
    }
    const isShared =
      row.epoch === track.epoch && row.owner && track.owner && row.owner !== track.owner
    if (isShared) findings.broke('two owners of an epoch', `${key} in epoch ${row.epoch}`)
  }

  /** After a crash: checks how far the mark fell, and forgets higher ones. */
  function judgeCrash(key: string, track: Track, row: CursorRow, before: Sample): void {
    const lost = track.marks.find(({ position }) => position > row.low_water)
    track.marks = []
    if (!lost) return
    takenBack++
    mostTakenBackMs = Math.max(mostTakenBackMs, before.at - lost.at)
    if (lost.inserted > before.flushed) return
    const fell = `${key} fell to ${row.low_water}, below ${lost.position}, which was durable`
    findings.broke('cursor went back', `${fell} in epoch ${row.epoch}`)
  }

  function note(track: Track, row: CursorRow, { at, flushed, inserted }: Sample): void {
    const { marks } = track
    Object.assign(track, { epoch: row.epoch, owner: row.owner })
    if (row.low_water > (marks.at(-1)?.position ?? -1)) {
      marks.push({ at, position: row.low_water, inserted })
    }
    const durable = marks.findLastIndex((mark) => mark.inserted <= flushed)
    if (durable > 0) marks.splice(0, durable)
  }
}

type CursorSampler = CursorJudge & { stop(): Promise<void> }

/** Samples until it is stopped. */
export function sampleCursors(session: Session, findings: Findings): CursorSampler {
  const judge = createCursorJudge(findings)
  let isOver = false
  const loop = run()
  return {
    ...judge,
    async stop() {
      isOver = true
      await loop
    },
  }

  async function run(): Promise<void> {
    while (!isOver) {
      const at = Date.now()
      // The ends of the WAL are read after the snapshot: every visible mark was written before
      // them.
      const rows = await session.ask<CursorRow & Omit<Sample, 'at' | 'rows'>>(`
        select consumer, run, epoch, owner,
          coalesce(unresolved[1] - 1, read_position) as low_water,
          pg_postmaster_start_time()::text as server,
          pg_wal_lsn_diff(
            least(
              pg_current_wal_flush_lsn(),
              (select min(flush_lsn) from pg_stat_replication),
              -- A standby that may take over, and receives nothing: nothing more is durable.
              case
                when current_setting('synchronous_standby_names') <> ''
                  and not exists (select from pg_stat_replication)
                then '0/0'::pg_lsn
              end
            ),
            '0/0'
          )::bigint as flushed,
          pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint as inserted
        from cursor`)
      const [first] = rows ?? []
      if (first && rows) judge.look({ ...first, at, rows })
      await sleep(SAMPLE_MS)
    }
  }
}
