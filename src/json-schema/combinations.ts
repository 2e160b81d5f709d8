// Keywords that apply subschemas to the value itself: references, combinations, conditions.

import { isObject } from '../input/json.ts'
import type { Build, Building } from './build.ts'
import { eachOf } from './each.ts'
import { nodesOf } from './parts.ts'
import { evaluateSame, type Node, quietly, type Run, type Seen, seenFor, violated } from './run.ts'

const NO_LIST = 'must be a list of at least one schema'

/** The rules of these keywords, in the order in which they are asked. */
export const combinations: Record<string, Build> = {
  $ref: (given, { refer }) => {
    if (typeof given !== 'string') return 'must be a text'
    const link = refer(given, '$ref')
    return (value, run, path, seen) =>
      link.node !== undefined && evaluateSame(link.node, value, run, { path, seen })
  },
  $dynamicRef: (given, { refer, dynamic }) => {
    if (typeof given !== 'string') return 'must be a text'
    const link = refer(given, '$dynamicRef')
    return (value, run, path, seen) => {
      let target = link.node
      const anchors = link.anchor === undefined ? undefined : dynamic.get(link.anchor)
      // The outermost resource that has the anchor counts.
      for (let scope = run.scope; anchors && scope; scope = scope.outer) {
        run.left--
        target = anchors.get(scope.resource) ?? target
      }
      return target !== undefined && evaluateSame(target, value, run, { path, seen })
    }
  },
  allOf: (given, building) => {
    const nodes = listOf(given, 'allOf', building)
    if (typeof nodes === 'string') return nodes
    return (value, run, path, seen) =>
      eachOf(nodes, run, (node) => evaluateSame(node, value, run, { path, seen }))
  },
  anyOf: (given, building) => {
    const nodes = listOf(given, 'anyOf', building)
    if (typeof nodes === 'string') return nodes
    return (value, run, path, seen) =>
      countOf(nodes, { value, run, seen, enough: seen ? nodes.length : 1 }) > 0 ||
      violated(run, path, 'anyOf', () => `follows none of the ${nodes.length} schemas of anyOf`)
  },
  oneOf: (given, building) => {
    const nodes = listOf(given, 'oneOf', building)
    if (typeof nodes === 'string') return nodes
    return (value, run, path, seen) => {
      const count = countOf(nodes, { value, run, seen, enough: 2 })
      const followed = count === 0 ? 'none' : 'more than one'
      const reason = () => `follows ${followed} of the ${nodes.length} schemas of oneOf`
      return count === 1 || violated(run, path, 'oneOf', reason)
    }
  },
  not: (given, building) => {
    const node = building.child(given, ['not'], true)
    return (value, run, path) =>
      !quietly(run, () => evaluateSame(node, value, run, { path, seen: seenFor(run) })) ||
      violated(run, path, 'not', () => 'follows the schema of not')
  },
  if: (given, building) => {
    const { schema, child } = building
    const condition = child(given, ['if'], true)
    const branch = (keyword: string) =>
      Object.hasOwn(schema, keyword) ? child(schema[keyword], [keyword], true) : undefined
    const [then, otherwise] = [branch('then'), branch('else')]
    return (value, run, path, seen) => {
      const holds = quietly(run, () => evaluateSame(condition, value, run, { path, seen }))
      const node = holds ? then : otherwise
      return node === undefined || evaluateSame(node, value, run, { path, seen })
    }
  },
  dependentSchemas: (given, building) => {
    const nodes = nodesOf(given, 'dependentSchemas', building, true)
    if (typeof nodes === 'string') return nodes
    return (value, run, path, seen) =>
      !isObject(value) ||
      eachOf(nodes, run, ([name, node]) => {
        run.left--
        return !Object.hasOwn(value, name) || evaluateSame(node, value, run, { path, seen })
      })
  },
}

/** Keywords that `if` reads. */
export const branches = ['then', 'else']

type Counting = { value: unknown; run: Run; seen: Seen | undefined; enough: number }

/** How many of the schemas the value follows, counted up to `enough`. */
function countOf(nodes: Node[], { value, run, seen, enough }: Counting): number {
  let count = 0
  for (const node of nodes) {
    if (count >= enough || run.left < 0) break
    const path = undefined
    if (quietly(run, () => evaluateSame(node, value, run, { path, seen }))) count++
  }
  return count
}

function listOf(given: unknown, keyword: string, { child }: Building): Node[] | string {
  if (!Array.isArray(given) || given.length === 0) return NO_LIST
  return given.map((one, index) => child(one, [keyword, index], true))
}
