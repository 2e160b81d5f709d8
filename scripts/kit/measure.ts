// Medians and quantiles, and the comparison of contenders: in alternation, in one run.

/** The median; of an even number of figures the lower of the two in the middle. */
export function median(figures: number[]): number {
  return quantile(figures, 0.5)
}

/** The smallest figure that a part of at least `q` does not exceed. NaN without figures. */
export function quantile(figures: number[], q: number): number {
  const sorted = [...figures].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)] ?? Number.NaN
}

/**
 * Measures each contender `rounds` times in alternation, so that disturbances of the machine affect
 * all of them. Returns the figures of each, in the order of the rounds.
 */
export async function byTurns<Name extends string>(
  rounds: number,
  contenders: Record<Name, () => Promise<number>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(contenders) as Name[]
  const figures = Object.fromEntries(names.map((name) => [name, [] as number[]]))
  for (let round = 0; round < rounds; round++) {
    for (const name of names) figures[name]?.push(await contenders[name]())
  }
  return figures as Record<Name, number[]>
}
