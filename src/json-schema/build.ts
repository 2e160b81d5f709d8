// The surroundings in which a keyword builds its rule.

import type { Node, Rule, Run } from './run.ts'

/** Whether a text has a match. It says false once the budget is used up. */
export type Matches = (text: string, run: Run) => boolean
/** The test for a pattern, or why it is refused, as the rest of a sentence. */
export type Patterns = (pattern: string) => Matches | string

/** A reference: its node is known once the whole schema has been read. */
export type Link = { node: Node | undefined; anchor: string | undefined }

export type Building = {
  /** The node that the keyword belongs to. */
  node: Node
  /** The keywords beside it. */
  schema: Record<string, unknown>
  /** The node of a subschema, at these steps below; `isSame` if it looks at the same value. */
  child(schema: unknown, steps: (string | number)[], isSame?: boolean): Node
  /** A reference in the schema, to be resolved. */
  refer(reference: string, keyword: '$ref' | '$dynamicRef'): Link
  /** The nodes that have a dynamic anchor, by resource. */
  dynamic: DynamicAnchors
  pattern: Patterns
}
export type DynamicAnchors = Map<string, Map<Node['resource'], Node>>

/**
 * The rule of a keyword with the value `given`; undefined if it asks nothing. A text: why `given`
 * is wrong, as the rest of a sentence.
 */
export type Build = (given: unknown, building: Building) => Rule | string | undefined
