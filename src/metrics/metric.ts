// The metrics of a process, as text for Prometheus (its exposition format, 0.0.4). A metric is a
// constant beside the code that counts. An increment is a look-up in a map, so that hot paths can
// afford it. The client library of the Prometheus project (0.16) takes ten times as long, and
// delays each start by 40 ms; its default metrics use 0.7 % of an idle processor.

type Type = 'counter' | 'gauge' | 'histogram'
export type Sample = { suffix?: string; labels: Labels; value: number }
type Labels = Record<string, string>
type Family = { name: string; type: Type; help: string; read(): Iterable<Sample> }

/** One for each process, by name. */
const families = new Map<string, Family>()

/**
 * The values of each label. All combinations of them are there from the start, at 0; others are
 * added with their first count. Values are few, and chosen by us: no tenant, no URL.
 */
type Declared = Record<string, readonly string[]>

type Counter = {
  /** `values`: of the labels, in their order. */
  add(count: number, ...values: string[]): void
}

/** A number that only grows. */
export function counter(name: string, help: string, labels: Declared = {}): Counter {
  const cells = createCells(labels, () => ({ value: 0 }))
  register({ name, type: 'counter', help, read: () => cells.samples(sampleOf) })
  return {
    add(count, ...values) {
      cells.of(values).value += count
    },
  }
}

type Gauge = Counter & { set(value: number, ...values: string[]): void }

/** A number that grows and shrinks. */
export function gauge(name: string, help: string, labels: Declared = {}): Gauge {
  const cells = createCells(labels, () => ({ value: 0 }))
  register({ name, type: 'gauge', help, read: () => cells.samples(sampleOf) })
  return {
    add(count, ...values) {
      cells.of(values).value += count
    },
    set(value, ...values) {
      cells.of(values).value = value
    },
  }
}

/** Values that are read for each scrape; `read` returns quickly. */
export function observed(
  { name, type = 'gauge', help }: { name: string; type?: Type; help: string },
  read: () => Iterable<Sample>,
): void {
  register({ name, type, help, read })
}

type Histogram = { observe(value: number, ...values: string[]): void }

/** Counts values by size: up to each of the `bounds`, which grow, or above the last one. */
export function histogram(
  name: string,
  help: string,
  bounds: readonly number[],
  labels: Declared = {},
): Histogram {
  const cells = createCells(labels, () => ({ sum: 0, counts: bounds.map(() => 0), above: 0 }))
  const read = () =>
    cells.samples(({ sum, counts, above }, labels) => {
      let count = 0
      const buckets = counts.map((own, index) => {
        count += own
        return bucket(labels, `${bounds[index]}`, count)
      })
      count += above
      return [
        ...buckets,
        bucket(labels, '+Inf', count),
        { suffix: '_sum', labels, value: sum },
        { suffix: '_count', labels, value: count },
      ]
    })
  register({ name, type: 'histogram', help, read })
  return {
    observe(value, ...values) {
      const cell = cells.of(values)
      const index = bounds.findIndex((bound) => value <= bound)
      if (index === -1) cell.above++
      else (cell.counts[index] as number)++
      cell.sum += value
    },
  }
}

/** Bounds for times of requests and statements, in seconds. */
export const SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
] as const

/** The text of all metrics of this process. */
export function metricsText(): string {
  const lines: string[] = []
  for (const { name, type, help, read } of families.values()) {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
    for (const { suffix = '', labels, value } of read()) {
      lines.push(`${name}${suffix}${labelsText(labels)} ${numberText(value)}`)
    }
  }
  return `${lines.join('\n')}\n`
}

function register(family: Family): void {
  if (families.has(family.name)) throw new TypeError(`There are two metrics ${family.name}.`)
  families.set(family.name, family)
}

const sampleOf = ({ value }: { value: number }, labels: Labels): Sample[] => [{ labels, value }]

function bucket(labels: Labels, le: string, value: number): Sample {
  return { suffix: '_bucket', labels: { ...labels, le }, value }
}

/** A cell, if it was counted in, and those of the next label, by value. */
type Branch<Cell> = { cell?: Cell; by: Map<string, Branch<Cell>> }

/**
 * A cell for each combination of values of some labels. They are found value by value: a key made
 * of two values would have to be made, and hashed, for each count.
 */
function createCells<Cell>(declared: Declared, make: () => Cell) {
  const names = Object.keys(declared)
  const root: Branch<Cell> = { by: new Map() }
  const all: { cell: Cell; labels: Labels }[] = []
  for (const values of combinationsOf(Object.values(declared))) of(values)
  return {
    of,
    samples: (samplesOf: (cell: Cell, labels: Labels) => Sample[]) =>
      all.flatMap(({ cell, labels }) => samplesOf(cell, labels)),
  }

  function of(values: readonly string[]): Cell {
    let branch = root
    for (const value of values) branch = branch.by.get(value) ?? grow(branch, value)
    if (!branch.cell) {
      branch.cell = make()
      const pairs = names.map((name, index) => [name, values[index] ?? ''])
      all.push({ cell: branch.cell, labels: Object.fromEntries(pairs) })
    }
    return branch.cell
  }
}

function grow<Cell>({ by }: Branch<Cell>, value: string): Branch<Cell> {
  const branch = { by: new Map() }
  by.set(value, branch)
  return branch
}

function combinationsOf(lists: (readonly string[])[]): string[][] {
  return lists.reduce<string[][]>(
    (all, values) => all.flatMap((before) => values.map((value) => [...before, value])),
    [[]],
  )
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length > 0 ? `{${pairs.join(',')}}` : ''
}

const ESCAPES: Record<string, string> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' }

function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => ESCAPES[character] as string)
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}
