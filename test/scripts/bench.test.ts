// `make bench-smoke` as a process: every scenario still runs and finds neither loss nor disorder.
// How fast anything was is not looked at: that is the benchmark's own business.

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { isMet, withTable } from '../../scripts/bench/table.ts'

const program = path.resolve(import.meta.dirname, '../../scripts/bench/run.ts')
const SCENARIOS =
  'publish bulk delivery latency fairness replay growth append indexes together read million'.split(
    ' ',
  )

type Line = { what: string; figure: number; against?: { figure: number } }
type Result = { scenarios: { name: string; lines: Line[]; failure?: string }[] }

describe('the benchmark', () => {
  it('runs all its scenarios, and says what it measured as a table and as JSON', async () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-test-'))
    try {
      const { status, output, errors } = await run(['--smoke', '--all'], directory)
      expect(status, errors).toBe(0)
      const { scenarios }: Result = JSON.parse(
        readFileSync(path.join(directory, 'bench.json'), 'utf8'),
      )
      expect(scenarios.map(({ name }) => name)).toEqual(SCENARIOS)
      for (const { lines } of scenarios) {
        expect(lines.length).toBeGreaterThan(0)
        for (const { what, figure, against } of lines) {
          expect(output).toContain(what)
          expect(Number.isFinite(figure), what).toBe(true)
          if (against) expect(Number.isFinite(against.figure), what).toBe(true)
        }
      }
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })

  it('refuses a scenario that it does not have', async () => {
    const { status, errors } = await run(['speed'], os.tmpdir())
    expect(status).toBe(2)
    expect(errors).toContain('There is no scenario speed')
  })
})

describe('the page about benchmarks', () => {
  const page = readFileSync('docs/benchmarks.md', 'utf8')
  it('gets the table of a run in the place of the last one, and nothing else', () => {
    const once = withTable(page, 'the first table')
    const twice = withTable(once, 'the second table')
    expect(twice).toContain('\n```text\nthe second table\n```\n')
    expect(twice.replace('the second table', 'the first table')).toBe(once)
    const [head, tail] = [page.slice(0, 500), page.slice(-500)]
    expect([once.slice(0, 500), once.slice(-500)]).toEqual([head, tail])
  })
  it('must have a place for it', () => {
    expect(() => withTable('# Benchmarks', 'table')).toThrow(/^The page has no/)
  })
})

describe('a goal', () => {
  it.each([
    ['≥ 0.85', 0.85, true],
    ['≥ 0.85', 0.84, false],
    ['≤ 20', 20, true],
    ['≤ 1.3', 1.31, false],
    ['< 10', 10, false],
  ])('%s and %f: %s', (goal, value, met) => expect(isMet(goal, value)).toBe(met))
})

function run(
  words: string[],
  directory: string,
): Promise<{ status: number | null; output: string; errors: string }> {
  const child = spawn(process.execPath, [program, ...words], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  return new Promise((resolve) => {
    child.once('close', (status) => resolve({ status, output, errors }))
  })
}
