// Which of some words is meant by one that is none of them: those that fewer changes lead to.

const MOST_NEAREST = 3
/** Of a word that is longer, this much is compared: names are given by clients. */
const COMPARED = 64

/** The words that are near `given`, the nearest first. */
export function nearestOf(given: string, words: string[]): string[] {
  const most = Math.max(2, Math.floor(given.length / 4))
  const near = words.flatMap((word) => {
    if (Math.abs(word.length - given.length) > most) return []
    const changes = changesBetween(given.slice(0, COMPARED), word.slice(0, COMPARED))
    return changes <= most ? [{ word, changes }] : []
  })
  near.sort((a, b) => a.changes - b.changes)
  return near.slice(0, MOST_NEAREST).map(({ word }) => word)
}

/** Characters to add, remove or replace (Levenshtein), a row of the table at a time. */
function changesBetween(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let at = 0; at < one.length; at++) {
    const next = [at + 1]
    for (let to = 0; to < other.length; to++) {
      const replaced = (row[to] as number) + (one[at] === other[to] ? 0 : 1)
      next.push(Math.min(replaced, (row[to + 1] as number) + 1, (next[to] as number) + 1))
    }
    row = next
  }
  return row[other.length] as number
}
