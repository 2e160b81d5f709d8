// The interface of kinds of destinations, a module for each (destinations.ts lists them). A module
// starts a faulty target, registers integrations for it, and checks what the ledger cannot.

import type { Chance } from '../kit/chance.ts'
import type { Findings } from '../kit/findings.ts'
import type { Filter } from './event.ts'
import type { HarmLog } from './harm-log.ts'
import type { Journal } from './journal.ts'
import type { Ledger } from './ledger.ts'
import type { Session } from './session.ts'

/**
 * steady: at most slow. flaky: slow, failing, resetting, throttling and silent in alternation.
 * picky: rejects some events for good. curt: accepts everything, hangs up silently, and sends
 * unrequested interim answers.
 */
export type Character = 'steady' | 'flaky' | 'picky' | 'curt'

/** An integration with its own target. */
export type Plan = {
  id: string
  /** Default: the first one. */
  tenant?: string
  character: Character
  filter?: Filter
  delivery?: Record<string, unknown>
  /** Recovery is measured at this target: it notes events as they arrive. */
  isWatched?: boolean
  mayStop?: boolean
  /** Its URL has a name that must be resolved. */
  isNamed?: boolean
}

export type Target = {
  /** The parameters of the target in a registration; another `version` is another target. */
  parameters(version: number): Record<string, unknown>
  /** From now on it answers without faults. */
  heal(): void
  /**
   * Notes in the ledger what is visible only after everything has drained. Its counts become rows
   * of the report.
   */
  collect?(session: Session): Promise<Record<string, number>>
  /** Checks after everything has drained what the ledger cannot see. */
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
  tenant?: string
  isNamed?: boolean
}

export type Destination = {
  name: string
  plans: Plan[]
  startTarget(options: TargetOptions): Promise<Target>
}
