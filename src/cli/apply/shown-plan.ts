// A plan for people, and for programs. Values come from the file and from the service; a secret is
// never one of them.

import type { ShownLine } from '../output.ts'
import type { ApplyPlan, ApplyStep, FieldChange } from './plan.ts'

const SIGNS = { add: '+', change: '~', remove: '-' }
const TONES = { add: 'good', change: 'careful', remove: 'bad' } as const
const LONGEST_VALUE = 200

/** A step in lines. */
export function linesOfStep({ action, kind, id, fields }: ApplyStep): ShownLine[] {
  const head = { text: `${SIGNS[action]} ${kind.noun} ${id}`, tone: TONES[action] }
  return [head, ...fields.map((field) => lineOfField(action, field))]
}

/** The entries that a plan leaves alone, and how many it changes, in lines. */
export function summaryOf({ steps, unnamed, withStoredSecrets }: ApplyPlan): string[] {
  const notes = unnamed.map(
    ({ kind, id }) => `  ${kind.noun} ${id} is not in the file, and stays (--prune removes it)`,
  )
  if (withStoredSecrets > 0) {
    notes.push(`  secrets of ${withStoredSecrets} entries stay as they are (--rotate sets them)`)
  }
  const [adds, changes, removes] = (['add', 'change', 'remove'] as const).map(
    (action) => steps.filter((step) => step.action === action).length,
  )
  const counts = `${adds} to add, ${changes} to change, ${removes} to remove`
  return [...notes, steps.length === 0 ? 'There is no difference.' : `${counts}.`]
}

/** The same for a program. */
export function jsonOfStep({ action, kind, id, fields }: ApplyStep, isDone: boolean): object {
  return { action, kind: kind.noun.replace(' ', '_'), id, fields, done: isDone }
}

function lineOfField(
  action: ApplyStep['action'],
  { field, from, to, secret }: FieldChange,
): string {
  if (secret) return `    ${field}: set`
  return `    ${field}: ${action === 'add' ? '' : `${shown(from)} → `}${shown(to)}`
}

function shown(value: unknown): string {
  if (value === undefined) return '(none)'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text
}
