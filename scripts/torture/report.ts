// The one table at the end of a run.

import type { Findings } from '../kit/findings.ts'
import type { CursorJudge } from './cursors.ts'
import type { HarmLog } from './harm-log.ts'
import type { Journal } from './journal.ts'
import type { Ledger } from './ledger.ts'
import type { HarmKind } from './schedule.ts'
import type { Silence } from './silence.ts'

export type Outcome = {
  seed: number
  seconds: number
  /** In the log. */
  events: number
  lost: number
  /** Left on a socket by a frozen worker, and arrived after a stop. */
  strays: number
  /** Messages in queues at the end, and repeated ones in standard queues. */
  queued: { messages: number; repeated: number }
  /** Streams that followers opened, and the events they got. */
  followed: { streams: number; events: number }
  drainedIn: number
  journal: Journal
  findings: Findings
  harmLog: HarmLog
  sampler: Pick<CursorJudge, 'samples' | 'takenBack' | 'mostTakenBackMs'>
  ledgers: Ledger[]
  /** Counted at the targets after everything had drained. */
  collected: Record<string, number>
  replays: number
  midnights: number
  /** Kept if something broke. */
  directory: string | undefined
}

const KINDS: HarmKind[] = [
  'kill work',
  'kill serve',
  'kill both workers',
  'freeze work',
  'freeze serve',
  'freeze a backend',
  'crash the database',
  'cut connections',
  'stall connections',
  'terminate backends',
  'cancel statements',
  'read-only spell',
  'failover',
  'step the clock',
  'make deaf',
  'restart work',
  'old snapshot',
  'old day',
  'stop and start',
  'stop, update and start',
  'replay',
  'replay beside',
]

/** The table as text. */
export function report(outcome: Outcome): string {
  const { journal, harmLog, ledgers, findings } = outcome
  const sum = (read: (ledger: Ledger) => number) =>
    ledgers.reduce((total, ledger) => total + read(ledger), 0)
  const count = (...kinds: HarmKind[]) =>
    kinds.reduce((total, kind) => total + harmLog.count(kind), 0)
  const duplicates = new Map<string, number>()
  for (const { counts } of ledgers) {
    for (const [cause, times] of counts.duplicates) {
      duplicates.set(cause, (duplicates.get(cause) ?? 0) + times)
    }
  }
  const total = [...duplicates.values()].reduce((one, other) => one + other, 0)
  const bothKilled = 2 * count('kill both workers')
  const rows: [string, string | number][] = [
    ['seed', outcome.seed],
    ['seconds', outcome.seconds],
    ['events', outcome.events],
    ['requests repeated', journal.counts.repeated],
    ['refused, as they must be', journal.counts.refused],
    ['told to be duplicates, as they are', journal.counts.duplicates],
    ['deliveries', sum(({ counts }) => counts.first)],
    ...Object.entries(outcome.collected),
    ['messages in queues', outcome.queued.messages],
    ['  twice in a standard one', outcome.queued.repeated],
    ['events followed', outcome.followed.events],
    ['  in streams', outcome.followed.streams],
    ['kills', count('kill work', 'kill serve') + bothKilled],
    ['freezes', count('freeze work', 'freeze serve', 'freeze a backend')],
    ['database crashes', count('crash the database')],
    ['cuts', count('cut connections', 'stall connections', 'terminate backends', 'make deaf')],
    ['bursts of cancelled statements', count('cancel statements')],
    ['read-only spells', count('read-only spell')],
    ['failovers', count('failover')],
    ['steps of the clock', count('step the clock')],
    [
      'stops, updates, replays',
      count('stop and start', 'stop, update and start', 'replay', 'replay beside'),
    ],
    ['midnights', outcome.midnights],
    ['cursors sampled', outcome.sampler.samples()],
    ['taken back by a crash', outcome.sampler.takenBack()],
    ['  progress of the last', seconds(outcome.sampler.mostTakenBackMs())],
    ['sent again after a failure', sum(({ counts }) => counts.retries)],
    ['duplicates', total],
    ...[...duplicates].map(([cause, times]): [string, number] => [`  ${cause}`, times]),
    ['left on a socket by a frozen worker', outcome.strays],
    ['lost', outcome.lost + (findings.counts().get('lost from the log') ?? 0)],
    ['reordered', sum(({ counts }) => counts.reordered)],
    ['longest silence of publishing', silence(journal.silence)],
    ['longest silence of delivery', silence((ledgers[0] as Ledger).silence)],
    ['drained in', seconds(outcome.drainedIn)],
    ['starved of a core for', seconds(harmLog.starvedMs())],
  ]
  const lines = rows.map(([what, value]) => `${what.padEnd(38)}${String(value).padStart(20)}`)
  return [...lines, '', ...recoveries(harmLog), '', ...verdict(outcome)].join('\n')
}

function recoveries(harmLog: HarmLog): string[] {
  const head = ['recovery from', 'times', 'median', 'worst', 'alone', 'worst']
  const recovered = harmLog.recoveries()
  const rows = KINDS.filter((kind) => recovered.has(kind)).map((kind) => {
    const all = recovered.get(kind) ?? []
    const times = all.map(({ ms }) => ms).sort((a, b) => a - b)
    const alone = all.filter(({ isAlone }) => isAlone).map(({ ms }) => ms)
    const median = times[Math.floor(times.length / 2)]
    const worstAlone = alone.length === 0 ? undefined : Math.max(...alone)
    const worst = seconds(times.at(-1))
    return [kind, times.length, seconds(median), worst, alone.length, seconds(worstAlone)]
  })
  return [head, ...rows].map(([kind, ...values]) =>
    [String(kind).padEnd(22), ...values.map((value) => String(value).padStart(9))].join(''),
  )
}

function silence({ longest }: Silence): string {
  const { ms, since } = longest()
  return `${seconds(ms)} at ${new Date(since).toISOString().slice(11, 19)}`
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? '–' : `${(ms / 1000).toFixed(2)} s`
}

function verdict({ findings, directory, seed, seconds: length }: Outcome): string[] {
  if (findings.counts().size === 0) return ['Nothing broke.']
  const counted = [...findings.counts()].map(([check, times]) => `BROKEN ${check}: ${times}`)
  const again = `Again: make torture SECONDS=${length} SEED=${seed}`
  return [...counted, ...findings.lines().map((line) => `  ${line}`), again, `Kept: ${directory}`]
}
