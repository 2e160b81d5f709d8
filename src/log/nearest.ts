// Finds the words that a misspelt word may have meant: those that need the fewest changes.

const MOST_NEAREST = 3
const MOST_CHANGES = 5
/** No suggestions for longer words: clients choose the names, and comparing costs time. */
const MOST_COMPARED = 64
const BEYOND = 200

/** The previous row of the table of changes, and the one being computed. */
const rows = [new Uint8Array(MOST_COMPARED + 2), new Uint8Array(MOST_COMPARED + 2)] as const

/** The words similar to `given`, nearest first. `work` counts the cost. */
export function nearestOf(given: string, words: string[], work = { cells: 0 }): string[] {
  // Fewer changes than characters: otherwise every word would be similar.
  const allowed = Math.min(MOST_CHANGES, Math.max(2, Math.floor(given.length / 4)))
  const most = Math.min(given.length - 1, allowed)
  const near = words.flatMap((word) => {
    if (Math.max(given.length, word.length) > MOST_COMPARED) return []
    if (Math.abs(word.length - given.length) > most) return []
    const changes = changesBetween(given, word, most, work)
    return changes <= most ? [{ word, changes }] : []
  })
  near.sort((a, b) => a.changes - b.changes)
  return near.slice(0, MOST_NEAREST).map(({ word }) => word)
}

/**
 * The characters to add, remove or replace (Levenshtein), one row of the table at a time. Computes
 * only the part of a row that `most` changes can reach, and stops after a row beyond them.
 */
function changesBetween(one: string, other: string, most: number, work: { cells: number }): number {
  let [row, next]: [Uint8Array, Uint8Array] = [...rows]
  for (let to = 0; to <= other.length; to++) row[to] = to
  for (let at = 1; at <= one.length; at++) {
    const first = Math.max(1, at - most)
    const last = Math.min(other.length, at + most)
    let least = first === 1 ? at : BEYOND
    next[first - 1] = least
    for (let to = first; to <= last; to++) {
      const same = one.charCodeAt(at - 1) === other.charCodeAt(to - 1)
      const replaced = (row[to - 1] as number) + (same ? 0 : 1)
      const changes = Math.min(replaced, (row[to] as number) + 1, (next[to - 1] as number) + 1)
      next[to] = changes
      if (changes < least) least = changes
    }
    next[last + 1] = BEYOND
    work.cells += last - first + 1
    if (least > most) return BEYOND
    ;[row, next] = [next, row]
  }
  return row[other.length] as number
}
