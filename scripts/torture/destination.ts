// The seam for kinds of destinations: a module for each (destinations.ts lists them), that starts a
// faulty target, says how an integration is registered to send there, and checks what the ledger
// cannot.

import type { Chance } from '../kit/chance.ts'
import type { Findings } from '../kit/findings.ts'
import type { Filter } from './event.ts'
import type { HarmLog } from './harm-log.ts'
import type { Journal } from './journal.ts'
import type { Ledger } from './ledger.ts'
import type { Session } from './session.ts'

/**
 * steady: at most slow. flaky: slow, failing, resetting, throttling and silent by turns. picky:
 * rejects some events for good. curt: takes everything, hangs up without saying so, and says more
 * than it is asked.
 */
export type Character = 'steady' | 'flaky' | 'picky' | 'curt'

/** An integration that is registered to send to a target of its own. */
export type Plan = {
  id: string
  /** The first one where it is not said. */
  tenant?: string
  character: Character
  filter?: Filter
  delivery?: Record<string, unknown>
  /** Recovery is measured at it: it notes what arrives while it arrives. */
  isWatched?: boolean
  mayStop?: boolean
  /** Its URL has a name that must be asked for. */
  isNamed?: boolean
}

export type Target = {
  /** The part of a registration that names it; another `version` is another place of it. */
  parameters(version: number): Record<string, unknown>
  /** From now on it answers as a target should. */
  heal(): void
  /**
   * Notes in the ledger what can only be seen when everything has drained. What it counts is a row
   * of the report.
   */
  collect?(session: Session): Promise<Record<string, number>>
  /** What the ledger cannot see, when everything has drained. */
  check(): Promise<void>
  close(): Promise<void>
}

export type TargetOptions = {
  character: Character
  chance: Chance
  ledger: Ledger
  journal: Journal
  findings: Findings
  harmLog: HarmLog
  isNamed?: boolean
}

export type Destination = {
  name: string
  plans: Plan[]
  startTarget(options: TargetOptions): Promise<Target>
}
