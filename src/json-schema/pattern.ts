// Patterns through RE2, which never backtracks. Its matching is linear in the text, but times the
// size of the pattern in the worst case: so both are bounded, and the time is spent from the
// budget.

import { re2 } from '../lazy.ts'
import type { Build, Matches, Patterns } from './build.ts'
import { violated } from './run.ts'

const LONGEST_PATTERN = 256
const MOST_PATTERNS = 100
/** Instructions of RE2's program: `.{1,900}` has about 900. */
const MOST_INSTRUCTIONS = 1_000
/** Of all patterns of a schema: compiling them takes 100 ms in the worst case. */
const MOST_IN_ALL = 8_000
/** The most of text times program that one test may have: 9 ms in the worst case. */
const MOST_WORK = 100_000
/** A program of this size has few states: its cost is that of the text alone. */
const SMALL_PROGRAM = 20
/** The most that one unit of work may take off the budget, and what one step takes. */
const STEPS_PER_WORK = 2
/** The cost of a test beside that. */
const STEPS_PER_TEST = 3
const STEP_MS = 0.000_05
/** A test of more work than this counts the CPU time of its thread: asking takes 1 to 3 us. */
const MUCH_WORK = 10_000

const now = () => performance.now()
/** The CPU time of this thread, in ms: that of others on a busy machine is not in it. */
const ownTime = () => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

const TOO_LARGE = 'is too large a pattern; the bounds of a text are minLength and maxLength'

const TOO_LARGE_IN_ALL = 'is too much, with all other patterns of the schema'

type Pattern = { matches: Matches; size: number }

/**
 * Compiles the patterns of one schema, each once. After the first that is refused it compiles no
 * more: compiling costs time, and the schema is refused anyway.
 */
export function createPatterns(): Patterns {
  const compiled = new Map<string, Matches | string>()
  let isRefused = false
  let sizes = 0
  return (pattern) => {
    const known = compiled.get(pattern)
    if (known !== undefined) return known
    if (isRefused) return () => false
    if (compiled.size === MOST_PATTERNS)
      return `is beyond the ${MOST_PATTERNS} patterns of a schema`
    const made = compilePattern(pattern)
    if (typeof made !== 'string') sizes += made.size
    const reason = sizes > MOST_IN_ALL ? TOO_LARGE_IN_ALL : undefined
    const result = typeof made === 'string' ? made : (reason ?? made.matches)
    isRefused = typeof result === 'string'
    compiled.set(pattern, result)
    return result
  }
}

function compilePattern(pattern: string): Pattern | string {
  if (pattern.length > LONGEST_PATTERN) return `is longer than ${LONGEST_PATTERN} characters`
  if (repeatsOf(pattern) > MOST_INSTRUCTIONS) return TOO_LARGE
  const { RE2JS } = re2()
  let compiled: ReturnType<typeof RE2JS.compile>
  try {
    compiled = RE2JS.compile(RE2JS.translateRegExp(pattern))
  } catch {
    return (
      'is not a pattern that RE2 knows: it has no lookaround and no back-references, and ' +
      `repeats at most ${MOST_INSTRUCTIONS} times`
    )
  }
  const size = compiled.programSize()
  if (size > MOST_INSTRUCTIONS) return TOO_LARGE
  const matches: Matches = (text, run) => {
    const work = text.length * size
    if (size > SMALL_PROGRAM && work > MOST_WORK) {
      run.left = -1
      return false
    }
    const clock = work > MUCH_WORK ? ownTime : now
    const start = clock()
    const isMatch = compiled.test(text)
    // A pause of the process must not count: it would refuse a good event.
    const spent = Math.min((clock() - start) / STEP_MS, work * STEPS_PER_WORK)
    run.left -= STEPS_PER_TEST + spent
    return isMatch
  }
  return { matches, size }
}

/** The sum of all repeats: a cheap bound, before a pattern is compiled. */
function repeatsOf(pattern: string): number {
  let sum = 0
  for (const [, least, most] of pattern.matchAll(/\{(\d{1,9})(?:,(\d{0,9}))?\}/g)) {
    sum += Number(most || least)
  }
  return sum
}

/** The rule of the keyword `pattern`. */
export const patternRule: Build = (given, { pattern: compile }) => {
  if (typeof given !== 'string') return 'must be a text'
  const matches = compile(given)
  if (typeof matches === 'string') return matches
  return (value, run, path) =>
    typeof value !== 'string' ||
    matches(value, run) ||
    violated(run, path, 'pattern', () => `must match the pattern ${given}`)
}
