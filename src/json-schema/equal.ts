// Equality of JSON values as JSON Schema has it: 1 is 1.0, and the order of fields means nothing.

import { isObject } from '../input/json.ts'
import type { Run } from './run.ts'

/** Characters of a text that cost one step. */
const CHARACTERS_PER_STEP = 32

/**
 * A text that equal values share, and others do not. It spends from the run's budget, and is cut
 * short, and means nothing, once that is used up.
 */
export function canonicalOf(value: unknown, run: Pick<Run, 'left'>): string {
  if (--run.left < 0) return ''
  if (typeof value === 'string') {
    run.left -= value.length / CHARACTERS_PER_STEP
    return JSON.stringify(value)
  }
  if (Array.isArray(value)) return `[${value.map((one) => canonicalOf(one, run)).join()}]`
  if (!isObject(value)) return Object.is(value, -0) ? '0' : String(value)
  const names = Object.keys(value).sort()
  const fields = names.map((name) => {
    run.left -= 2 + name.length / CHARACTERS_PER_STEP
    return `${JSON.stringify(name)}:${canonicalOf(value[name], run)}`
  })
  return `{${fields.join()}}`
}

/** The cost of a text's comparison in steps. */
export const costOfText = (text: string) => text.length / CHARACTERS_PER_STEP
