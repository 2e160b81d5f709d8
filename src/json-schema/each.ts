// Loops of rules: each item or field spends from the budget, and a loop ends with it.

import type { Run } from './run.ts'

/** Whether all are good; after the first bad one it goes on only if violations are collected. */
export function eachOf<T>(
  list: T[],
  run: Run,
  isGood: (one: T, index: number) => boolean,
): boolean {
  let areGood = true
  for (let index = 0; index < list.length; index++) {
    if (isGood(list[index] as T, index)) continue
    areGood = false
    if (run.isQuiet || run.left < 0) break
  }
  return areGood
}

export function eachItem(
  items: unknown[],
  first: number,
  run: Run,
  isGood: (item: unknown, index: number) => boolean,
): boolean {
  let areGood = true
  for (let index = first; index < items.length; index++) {
    if (--run.left >= 0 && isGood(items[index], index)) continue
    areGood = false
    if (run.isQuiet || run.left < 0) break
  }
  return areGood
}

export function eachField(
  value: Record<string, unknown>,
  run: Run,
  isGood: (name: string) => boolean,
): boolean {
  const names = Object.keys(value)
  run.left -= names.length
  return eachOf(names, run, isGood)
}
