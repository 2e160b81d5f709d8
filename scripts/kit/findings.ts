// Findings by check: what broke. A run without findings has passed.

export type Findings = {
  /** Records that something broke: the name of the check, and a sentence. */
  broke(check: string, what: string): void
  /** How often each check broke. */
  counts(): Map<string, number>
  /** The first few of each, as sentences. */
  lines(): string[]
}

const SHOWN_OF_EACH = 5

export function createFindings(): Findings {
  const counts = new Map<string, number>()
  const lines: string[] = []
  return {
    broke(check, what) {
      const count = (counts.get(check) ?? 0) + 1
      counts.set(check, count)
      if (count > SHOWN_OF_EACH) return
      lines.push(`${new Date().toISOString()} ${check}: ${what}`)
    },
    counts: () => counts,
    lines: () => lines,
  }
}
