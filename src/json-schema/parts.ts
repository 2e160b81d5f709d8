// Keywords that apply subschemas to the fields of an object, and to the items of an array. Those
// that ask for the rest (unevaluated...) come last.

import { isObject } from '../input/json.ts'
import { isCount, isTexts } from './assertions.ts'
import type { Build, Building, Matches } from './build.ts'
import { eachField, eachItem, eachOf } from './each.ts'
import { evaluateChild, type Node, quietly, type Rule, violated } from './run.ts'

const NO_LIST = 'must be a list of at least one schema'
const NO_SCHEMAS = 'must be an object of schemas'

/** The rules of these keywords, in the order in which they are asked. */
export const parts: Record<string, Build> = {
  prefixItems: (given, building) => {
    if (!Array.isArray(given) || given.length === 0) return NO_LIST
    const nodes = given.map((one, index) => building.child(one, ['prefixItems', index]))
    return (value, run, path, seen) => {
      if (!Array.isArray(value)) return true
      if (seen) seen.leadingItems = Math.max(seen.leadingItems, nodes.length)
      return eachOf(
        nodes,
        run,
        (node, index) =>
          index >= value.length ||
          evaluateChild(node, value[index], run, { before: path, key: index }),
      )
    }
  },
  items: (given, building) => {
    if (Array.isArray(given)) return 'must be one schema; a list of them is prefixItems'
    const node = building.child(given, ['items'])
    const { prefixItems } = building.schema
    const first = Array.isArray(prefixItems) ? prefixItems.length : 0
    return (value, run, path, seen) => {
      if (!Array.isArray(value)) return true
      if (seen) seen.leadingItems = Number.POSITIVE_INFINITY
      return eachItem(value, first, run, (item, key) =>
        evaluateChild(node, item, run, { before: path, key }),
      )
    }
  },
  contains: containing,
  properties: (given, building) => {
    const nodes = nodesOf(given, 'properties', building)
    if (typeof nodes === 'string') return nodes
    building.node.cost += nodes.length / 4
    return (value, run, path, seen) =>
      !isObject(value) ||
      eachOf(nodes, run, ([name, node]) => {
        if (!Object.hasOwn(value, name)) return true
        seen?.properties.add(name)
        return evaluateChild(node, value[name], run, { before: path, key: name })
      })
  },
  patternProperties: (given, building) => {
    const patterns = patternsOf(given, building)
    if (typeof patterns === 'string') return patterns
    const nodes = nodesOf(given, 'patternProperties', building)
    if (typeof nodes === 'string') return nodes
    return (value, run, path, seen) =>
      !isObject(value) ||
      eachOf(nodes, run, ([, node], index) =>
        eachField(value, run, (name) => {
          if (!patterns[index]?.(name, run)) return true
          seen?.properties.add(name)
          return evaluateChild(node, value[name], run, { before: path, key: name })
        }),
      )
  },
  additionalProperties: (given, building) => {
    const node = building.child(given, ['additionalProperties'])
    const { properties = {}, patternProperties = {} } = building.schema
    const patterns = patternsOf(patternProperties, building)
    // Their own keywords name the fault.
    if (!isObject(properties) || typeof patterns === 'string') return undefined
    return (value, run, path, seen) =>
      !isObject(value) ||
      eachField(value, run, (name) => {
        const isNamed = Object.hasOwn(properties, name) || patterns.some((one) => one(name, run))
        if (isNamed) return true
        seen?.properties.add(name)
        return evaluateChild(node, value[name], run, { before: path, key: name })
      })
  },
  propertyNames: (given, building) => {
    const node = building.child(given, ['propertyNames'])
    return (value, run, path) =>
      !isObject(value) ||
      eachField(
        value,
        run,
        (name) =>
          quietly(run, () => evaluateChild(node, name, run, { before: path, key: name })) ||
          violated(run, { before: path, key: name }, 'propertyNames', () => 'has a wrong name'),
      )
  },
  dependentRequired: (given) => {
    if (!isObject(given) || !Object.values(given).every(isTexts)) {
      return 'must be an object of lists of names'
    }
    const needs = Object.entries(given).map(([name, needed]) => ({
      name,
      needed: isTexts(needed) ? needed : [],
    }))
    return (value, run, path) =>
      !isObject(value) ||
      eachOf(needs, run, ({ name, needed }) => {
        run.left--
        if (!Object.hasOwn(value, name)) return true
        run.left -= needed.length / 4
        const missing = needed.filter((one) => !Object.hasOwn(value, one))
        for (const key of missing) {
          const reason = () => `is missing, which ${JSON.stringify(name)} asks for`
          violated(run, { before: path, key }, 'dependentRequired', reason)
        }
        return missing.length === 0
      })
  },
  unevaluatedItems: (given, building) => {
    const node = building.child(given, ['unevaluatedItems'])
    return (value, run, path, seen) => {
      if (!Array.isArray(value) || !seen) return true
      const { leadingItems, items } = seen
      seen.leadingItems = Number.POSITIVE_INFINITY
      return eachItem(
        value,
        Math.min(leadingItems, value.length),
        run,
        (item, key) => items.has(key) || evaluateChild(node, item, run, { before: path, key }),
      )
    }
  },
  unevaluatedProperties: (given, building) => {
    const node = building.child(given, ['unevaluatedProperties'])
    return (value, run, path, seen) =>
      !isObject(value) ||
      !seen ||
      eachField(value, run, (name) => {
        if (seen.properties.has(name)) return true
        seen.properties.add(name)
        return evaluateChild(node, value[name], run, { before: path, key: name })
      })
  },
}

/** Keywords that `contains` reads. */
export const countsOfContains = ['minContains', 'maxContains']

function containing(given: unknown, building: Building): Rule | string {
  const node = building.child(given, ['contains'])
  const { minContains: least = 1, maxContains: most = Number.POSITIVE_INFINITY } = building.schema
  if (!isCount(least)) return 'has beside it a minContains that is not a whole number, 0 or more'
  if (most !== Number.POSITIVE_INFINITY && !isCount(most)) {
    return 'has beside it a maxContains that is not a whole number, 0 or more'
  }
  return (value, run, path, seen) => {
    if (!Array.isArray(value)) return true
    let count = 0
    for (let index = 0; index < value.length && run.left >= 0; index++) {
      const at = { before: path, key: index }
      if (!quietly(run, () => evaluateChild(node, value[index], run, at))) continue
      count++
      seen?.items.add(index)
    }
    if (count >= least && count <= Number(most)) return true
    const bound = count < least ? `at least ${least}` : `at most ${most}`
    const reason = () => `must have ${bound} items of the schema of contains`
    return violated(run, path, 'contains', reason)
  }
}

/** The nodes of an object of subschemas, by name. */
export function nodesOf(
  given: unknown,
  keyword: string,
  { child }: Building,
  isSame = false,
): [string, Node][] | string {
  if (!isObject(given)) return NO_SCHEMAS
  return Object.entries(given).map(([name, one]) => [name, child(one, [keyword, name], isSame)])
}

function patternsOf(given: unknown, { pattern: compile }: Building): Matches[] | string {
  if (!isObject(given)) return NO_SCHEMAS
  const compiled: Matches[] = []
  for (const pattern of Object.keys(given)) {
    const matches = compile(pattern)
    if (typeof matches === 'string') return `${JSON.stringify(pattern.slice(0, 100))} ${matches}`
    compiled.push(matches)
  }
  return compiled
}
