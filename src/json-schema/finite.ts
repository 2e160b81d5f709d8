// Numbers that 64-bit floating point cannot hold: JSON.parse makes them infinite, and
// JSON.stringify makes null of those.

import { pointerStep } from '../input/json-pointer.ts'

/** The pointer of an infinite number in a JSON value; undefined if all are finite. */
export function infiniteIn(value: unknown, at = ''): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : at
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, one] of Object.entries(value)) {
    const found = infiniteIn(one, `${at}/${pointerStep(key)}`)
    if (found !== undefined) return found
  }
  return undefined
}
