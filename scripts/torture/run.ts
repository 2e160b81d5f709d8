// `make torture`: one run with SECONDS and SEED from the environment (SEED=random takes a fresh
// one), and the table. Exit status 1 if anything broke.

import { PROGRAM } from '../kit/program.ts'
import { exitAtSignals } from '../kit/signals.ts'
import { report } from './report.ts'
import { torture } from './torture.ts'

const { SECONDS = '60', SEED = '1', RATE = '4000' } = process.env
const seed = SEED === 'random' ? Math.floor(Math.random() * 1_000_000) : Number(SEED)
const seconds = Number(SECONDS)
const perSecond = Number(RATE)
if (![seed, seconds, perSecond].every(Number.isFinite) || seconds <= 0) {
  console.error('SECONDS, SEED and RATE are numbers; SEED may be "random".')
  process.exit(2)
}

exitAtSignals()
const outcome = await torture({
  seed,
  seconds,
  perSecond,
  program: PROGRAM,
  drainMs: 60_000,
  say: (line) => console.log(line),
})
console.log(report(outcome))
process.exit(outcome.findings.counts().size === 0 ? 0 : 1)
