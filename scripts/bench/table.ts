// The table of a run, as text: a line for each figure, with its comparison.

import type { Machine } from './machine.ts'
import type { Line } from './scenario.ts'

export type Measured = { name: string; seconds: number; lines: Line[]; failure?: string }

const COLUMNS = ['', 'figure', '', 'compared with', 'its figure', 'ratio', 'goal', '']
const TO_THE_RIGHT = [1, 4, 5]

/** The machine, then a block for each scenario. */
export function renderTable(machine: Machine, scenarios: Measured[]): string {
  const { date, size, processor, cores, memoryGiB, system, node, postgres, commit } = machine
  const head = [
    `Millrace benchmark, ${date.slice(0, 16).replace('T', ' ')} ` +
      `UTC${size === 'smoke' ? ', smoke: the figures mean nothing' : ''}`,
    `${processor}, ${cores} cores, ${memoryGiB} GiB, ${system}`,
    `Node ${node}, PostgreSQL ${postgres}; commit ${commit}`,
    machine.settings,
  ]
  const rows = [COLUMNS, ...scenarios.flatMap(({ lines }) => lines.map(rowOf))]
  const failures = scenarios.flatMap(({ name, failure }) =>
    failure ? [`${name} failed: ${failure}`] : [],
  )
  return [...head, '', ...align(rows), ...(failures.length > 0 ? ['', ...failures] : [])].join('\n')
}

function rowOf({ what, figure, unit, against, goal }: Line): string[] {
  const met = goal === undefined ? undefined : isMet(goal, against?.ratio ?? figure)
  return [
    what,
    readable(figure),
    unit,
    against?.what ?? '',
    against ? readable(against.figure) : '',
    against ? readableRatio(against.ratio) : '',
    goal ?? '',
    met === undefined ? '' : met ? '✓' : '✗',
  ]
}

/** Whether a value meets a goal like "≥ 0.85" or "≤ 20 ms". */
export function isMet(goal: string, value: number): boolean {
  const [, sign, bound] = /^(≥|≤|<|>)\s*([\d.]+)/.exec(goal) ?? []
  if (sign === undefined) throw new Error(`${goal} is no goal like "≥ 0.85".`)
  const limit = Number(bound)
  if (sign === '≥') return value >= limit
  if (sign === '≤') return value <= limit
  return sign === '<' ? value < limit : value > limit
}

function readableRatio(ratio: number): string {
  return Number.isFinite(ratio) ? ratio.toFixed(2) : '–'
}

/** Three digits are all that such a figure supports. */
function readable(figure: number): string {
  if (!Number.isFinite(figure)) return '–'
  if (Math.abs(figure) >= 100) return Math.round(figure).toLocaleString('en')
  return figure.toPrecision(3)
}

function align(rows: string[][]): string[] {
  const widths = COLUMNS.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] as number
        return TO_THE_RIGHT.includes(column) ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd(),
  )
}

const [BEGIN, END] = ['<!-- The table of make bench begins. -->', '<!-- It ends. -->']

/** A page with its old table replaced by this one. */
export function withTable(page: string, table: string): string {
  const [before, rest] = page.split(BEGIN)
  const after = rest?.split(END)[1]
  if (after === undefined) throw new Error(`The page has no "${BEGIN}" and "${END}".`)
  return `${before}${BEGIN}\n\n\`\`\`text\n${table}\n\`\`\`\n\n${END}${after}`
}
