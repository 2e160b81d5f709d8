// Finds subschemas that apply themselves to the same value for ever, such as {"$ref": "#"}.

import type { Node } from './run.ts'

/** A node on a circle of `edges`; undefined if there is no circle. */
export function findCircle(nodes: Iterable<Node>, edges: Map<Node, Node[]>): Node | undefined {
  const done = new Set<Node>()
  const trail = new Set<Node>()
  for (const start of nodes) {
    const found = visit(start)
    if (found) return found
  }
  return undefined

  function visit(start: Node): Node | undefined {
    // A list, not the stack: a chain may be as long as a schema has subschemas.
    const steps = [{ node: start, next: 0 }]
    for (let step = steps.at(-1); step; step = steps.at(-1)) {
      const { node } = step
      if (step.next === 0) {
        if (trail.has(node)) return node
        if (done.has(node)) {
          steps.pop()
          continue
        }
        trail.add(node)
      }
      const target = edges.get(node)?.[step.next++]
      if (target) steps.push({ node: target, next: 0 })
      else {
        steps.pop()
        trail.delete(node)
        done.add(node)
      }
    }
    return undefined
  }
}
