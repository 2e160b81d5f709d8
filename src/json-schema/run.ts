// Runs a compiled schema over a value. Every step spends from a budget: neither a schema nor a
// value can hold up the process, whatever they combine.

import { pointerStep } from '../input/json-pointer.ts'

/** How deep subschemas may call each other: the stack has room for far more. */
const MOST_DEPTH = 1_000
/** The violations of one value that are collected. */
export const MOST_VIOLATIONS = 10
/** Characters of a pointer in a message. */
const LONGEST_POINTER = 300

/** One breach of a schema: the JSON pointer of the part, the keyword, the rest of a sentence. */
export type Violation = { pointer: string; keyword: string; reason: string }

/** A part of a schema with an identity of its own (`$id`): references are relative to it. */
export type Resource = { uri: string; at: string; anchors: Map<string, Node>; dynamic: Set<string> }

/** A subschema: its rules in the order in which they are asked. */
export type Node = { rules: Rule[]; cost: number; resource: Resource }
export type Rule = (value: unknown, run: Run, path: Path, seen: Seen | undefined) => boolean

/** Where a value stands: the last step of its pointer, and those before it. */
type Path = { before: Path; key: string | number } | undefined

/** The fields and items that rules have looked at, for unevaluatedProperties and -Items. */
export type Seen = { properties: Set<string>; leadingItems: number; items: Set<number> }

type Scope = { resource: Resource; outer: Scope | undefined }

export type Run = {
  /** The steps that are left; below 0 the run has failed, and ends. */
  left: number
  depth: number
  violations: Violation[]
  /** Whether the first violation is enough, and is not collected. */
  isQuiet: boolean
  /** Whether the schema has an unevaluated… keyword. */
  tracks: boolean
  /** The resources that the run has entered, for $dynamicRef. */
  scope: Scope | undefined
}

export const createRun = (steps: number, tracks: boolean): Run => ({
  left: steps,
  depth: 0,
  violations: [],
  isQuiet: false,
  tracks,
  scope: undefined,
})

const createSeen = (): Seen => ({ properties: new Set(), leadingItems: 0, items: new Set() })

/** Nothing seen yet; undefined if the schema does not ask for it. */
export const seenFor = ({ tracks }: Run) => (tracks ? createSeen() : undefined)

/** Whether the value at `path` follows a subschema. */
export function evaluate(
  node: Node,
  value: unknown,
  run: Run,
  { path, seen }: { path: Path; seen: Seen | undefined },
): boolean {
  run.left -= node.cost
  if (run.left < 0 || run.depth === MOST_DEPTH) {
    run.left = -1
    return false
  }
  const outer = run.scope
  if (outer?.resource !== node.resource) run.scope = { resource: node.resource, outer }
  run.depth++
  let isValid = true
  for (const rule of node.rules) {
    if (rule(value, run, path, seen)) continue
    isValid = false
    if (run.isQuiet || run.left < 0) break
  }
  run.depth--
  run.scope = outer
  return isValid
}

/** The same for a part of the value, under a key. */
export function evaluateChild(
  node: Node,
  value: unknown,
  run: Run,
  path: NonNullable<Path>,
): boolean {
  return evaluate(node, value, run, { path, seen: seenFor(run) })
}

/** The same for the same value: what a subschema has looked at counts if the value follows it. */
export function evaluateSame(
  node: Node,
  value: unknown,
  run: Run,
  { path, seen }: { path: Path; seen: Seen | undefined },
): boolean {
  if (!seen) return evaluate(node, value, run, { path, seen })
  const inner = createSeen()
  if (!evaluate(node, value, run, { path, seen: inner })) return false
  run.left -= 3 * (inner.properties.size + inner.items.size)
  for (const name of inner.properties) seen.properties.add(name)
  for (const index of inner.items) seen.items.add(index)
  seen.leadingItems = Math.max(seen.leadingItems, inner.leadingItems)
  return true
}

/** The result of `act`, of which no violation is collected. */
export function quietly(run: Run, act: () => boolean): boolean {
  const before = run.isQuiet
  run.isQuiet = true
  const result = act()
  run.isQuiet = before
  return result
}

/** Collects a violation, if anybody wants it; always false. */
export function violated(run: Run, path: Path, keyword: string, reason: () => string): false {
  if (!run.isQuiet && run.left >= 0) {
    run.violations.push({ pointer: pointerOf(path), keyword, reason: reason() })
    if (run.violations.length === MOST_VIOLATIONS) run.isQuiet = true
  }
  return false
}

function pointerOf(path: Path): string {
  const steps: string[] = []
  for (let step = path; step; step = step.before) steps.push(pointerStep(step.key))
  const pointer = steps
    .reverse()
    .map((step) => `/${step}`)
    .join('')
  return pointer.length > LONGEST_POINTER ? `${pointer.slice(0, LONGEST_POINTER)}...` : pointer
}
