// The publishers' journal: each event begun, and every answer about it. At the end the log and the
// targets are compared with it.

import type { Findings } from '../kit/findings.ts'
import { createColumn } from './column.ts'
import { createSilence, type Silence } from './silence.ts'

/** A position is refused if it is further ahead, allowing for the time of an answer. */
const MOST_AHEAD_MS = 60_000 + 5_000

export type Journal = {
  /** Notes that an event is about to be published, and returns its serial. */
  begin(entity: number, name: number): number
  /** Events begun. */
  readonly size: number
  /** Events with a 201. */
  readonly stored: number
  entityOf(serial: number): number
  /** An index of NAMES. */
  nameOf(serial: number): number
  isStored(serial: number): boolean
  /** 0 if it is unknown. */
  positionOf(serial: number): number
  /** Notes the position in an answer with 201. */
  answered(serial: number, position: number): void
  /** Notes an event seen at this position, wherever. */
  seenAt(serial: number, position: number): void
  /** The longest pause between answers with 201. */
  silence: Silence
  counts: {
    /** Requests repeated because of no answer, a 500 or a 503. */
    repeated: number
    /** Requests that had to be refused, and were. */
    refused: number
    /** Requests that had to be answered as duplicates, and were. */
    duplicates: number
  }
}

export function createJournal(findings: Findings): Journal {
  const entities = createColumn('integer')
  const names = createColumn('byte')
  const positions = createColumn('double')
  const stored = createColumn('byte')
  let size = 0
  let storedCount = 0

  const journal: Journal = {
    begin(entity, name) {
      entities.set(size, entity)
      names.set(size, name)
      return size++
    },
    get size() {
      return size
    },
    get stored() {
      return storedCount
    },
    entityOf: (serial) => entities.get(serial),
    nameOf: (serial) => names.get(serial),
    isStored: (serial) => stored.get(serial) === 1,
    positionOf: (serial) => positions.get(serial),
    silence: createSilence(),
    answered(serial, position) {
      journal.silence.broken()
      if (position > (Date.now() + MOST_AHEAD_MS) * 1_000) {
        findings.broke('ahead of the clock', `event ${serial} is at ${position}`)
      }
      journal.seenAt(serial, position)
      if (stored.get(serial) === 0) storedCount++
      stored.set(serial, 1)
    },
    seenAt(serial, position) {
      const known = positions.get(serial)
      if (known === 0) positions.set(serial, position)
      else if (known !== position) {
        findings.broke('two positions', `event ${serial} was at ${known} and is at ${position}`)
      }
    },
    counts: { repeated: 0, refused: 0, duplicates: 0 },
  }
  return journal
}
