// `make ci`: a minute of torture with the seed that is always the same, one with a fresh seed, then
// everything that `make test` runs. Each run of the torture counts as a test. The last line counts:
// "N passed, N failed".

import { spawn } from 'node:child_process'

const COUNTS = /^(\d+) passed, (\d+) failed$/

const total = { passed: 0, failed: 0 }
const count = (passed: number, failed: number) => {
  total.passed += passed
  total.failed += failed
}

for (const seed of ['1', 'random']) {
  const { isGood } = await make('torture', 'SECONDS=60', `SEED=${seed}`)
  count(isGood ? 1 : 0, isGood ? 0 : 1)
}
const { lastLine } = await make('test')
const counted = COUNTS.exec(lastLine)
count(Number(counted?.[1] ?? 0), Number(counted?.[2] ?? 1))

console.log(`${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed === 0 ? 0 : 1)

/** Runs a target of the Makefile, and prints what it prints. */
function make(...args: string[]): Promise<{ isGood: boolean; lastLine: string }> {
  const child = spawn('make', ['--no-print-directory', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let last = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    process.stdout.write(chunk)
    last = (last + chunk).slice(-1_000)
  })
  return new Promise((resolve) => {
    child.once('close', (code) => {
      resolve({ isGood: code === 0, lastLine: last.trimEnd().split('\n').at(-1) ?? '' })
    })
  })
}
