// Cursors, sampled all the time. What counts as going back: the low-water mark of a (consumer,
// run), up to which everything is settled, is smaller than it was seen before. That is allowed in
// one case: the database crashed in between. Progress is written with relaxed durability, of which
// a crash takes back at most three rounds of the WAL writer, 600 ms (PostgreSQL manual,
// "Asynchronous Commit"); so the mark may fall to where it was a second before the crash, and not
// further.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Findings } from './findings.ts'
import type { HarmLog } from './harm-log.ts'
import type { Session } from './server.ts'

const SAMPLE_MS = 50
const RELAXED_MS = 1_000

export type CursorRow = {
  consumer: string
  run: number
  epoch: number
  owner: string | null
  read_position: number
  low_water: number
}

type Track = {
  epoch: number
  owner: string | null
  lookedAt: number
  /** Rising low-water marks with the time when each was first seen, the newest last. */
  marks: { at: number; position: number }[]
}

export type CursorSampler = {
  samples(): number
  /** How often a crash took a mark back, within what is allowed. */
  takenBack(): number
  stop(): Promise<void>
}

export function sampleCursors(
  session: Session,
  services: { findings: Findings; harmLog: HarmLog },
): CursorSampler {
  const tracks = new Map<string, Track>()
  let samples = 0
  let takenBack = 0
  let isOver = false
  const { findings, harmLog } = services
  const loop = run()

  return {
    samples: () => samples,
    takenBack: () => takenBack,
    async stop() {
      isOver = true
      await loop
    },
  }

  async function run(): Promise<void> {
    while (!isOver) {
      const asked = Date.now()
      const rows = await session.ask<CursorRow>(`
        select consumer, run, epoch, owner, read_position,
          coalesce(unresolved[1] - 1, read_position) as low_water
        from cursor`)
      for (const row of rows ?? []) look(row, asked)
      if (rows) samples++
      await sleep(SAMPLE_MS)
    }
  }

  function look(row: CursorRow, at: number): void {
    const key = `${row.consumer}/${row.run}`
    const track = tracks.get(key) ?? { epoch: 0, owner: null, lookedAt: at, marks: [] }
    tracks.set(key, track)
    const highest = track.marks.at(-1)
    const crash = harmLog.crashes().findLast((crashAt) => crashAt >= track.lookedAt)
    if (crash !== undefined) forget(track, row, crash)
    else {
      if (row.low_water < (highest?.position ?? 0)) {
        const fell = `${key} fell from ${highest?.position} to ${row.low_water}`
        findings.broke('cursor went back', `${fell} in epoch ${row.epoch}`)
      }
      if (row.epoch < track.epoch) {
        findings.broke('epoch went back', `${key} from ${track.epoch} to ${row.epoch}`)
      }
      const isShared =
        row.epoch === track.epoch && row.owner && track.owner && row.owner !== track.owner
      if (isShared) findings.broke('two owners of an epoch', `${key} in epoch ${row.epoch}`)
    }
    Object.assign(track, { epoch: row.epoch, owner: row.owner, lookedAt: at })
    if (row.low_water <= (track.marks.at(-1)?.position ?? -1)) return
    track.marks.push({ at, position: row.low_water })
    if (track.marks.length > 200) track.marks.splice(0, 100)
  }

  /** After a crash: how far it fell is judged, and what is higher is forgotten. */
  function forget(track: Track, row: CursorRow, crash: number): void {
    const kept = track.marks.filter((mark) => mark.at <= crash - RELAXED_MS).at(-1)
    const highest = track.marks.at(-1)?.position ?? 0
    if (row.low_water < highest) takenBack++
    if (kept && row.low_water < kept.position) {
      const fell = `${row.consumer}/${row.run} fell to ${row.low_water}`
      findings.broke('cursor went back', `${fell}, below ${kept.position}, which was durable`)
    }
    track.marks = []
  }
}
