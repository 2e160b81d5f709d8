// Compiles a JSON Schema of draft 2020-12. No code is generated: a schema becomes a graph of rules
// in about the time that parsing its text takes, and a hostile one has nothing to inject into.
// Unknown keywords are refused, because a misspelt one would accept everything.

import { type Fault, fault } from '../errors.ts'
import { isObject } from '../input/json.ts'
import { pointerStep } from '../input/json-pointer.ts'
import { assertions } from './assertions.ts'
import type { Build, Building, DynamicAnchors, Link, Patterns } from './build.ts'
import { findCircle } from './circle.ts'
import { branches, combinations } from './combinations.ts'
import { infiniteIn } from './finite.ts'
import { isNote, problemOfKeyword } from './keywords.ts'
import { countsOfContains, parts } from './parts.ts'
import { createPatterns } from './pattern.ts'
import {
  createRun,
  evaluate,
  type Node,
  type Resource,
  seenFor,
  type Violation,
  violated,
} from './run.ts'

/** Bounds of one schema, apart from its bytes. */
const schemaLimits = {
  subschemas: 2_000,
  depth: 64,
  /** The budget of a check: about 10 ms, and 0.2 us for each byte of the value. */
  steps: 200_000,
  stepsPerByte: 4,
}
const MOST_FAULTS = 20
/** For references in a schema without an identity of its own. */
const NO_URI = 'https://schema.invalid/'
const DRAFT = /^https?:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/
const ANCHOR = /^[A-Za-z_][\w.-]{0,99}$/

/** The violations of a value of `bytes` bytes, at most MOST_VIOLATIONS; none: it is valid. */
export type Check = (value: unknown, bytes: number) => Violation[] | 'too_expensive'

const keywords: [string, Build][] = Object.entries({
  ...assertions,
  ...combinations,
  ...parts,
})
const known = new Set([...keywords.map(([name]) => name), ...branches, ...countsOfContains])

/** The check of a schema; or its faults, whose fields are pointers below `field`. */
export function compileSchema(
  schema: object,
  field: string,
): { check: Check } | { faults: Fault[] } {
  const infinite = infiniteIn(schema)
  if (infinite !== undefined) {
    return {
      faults: [fault(field + infinite, 'invalid', 'is a number beyond 64-bit floating point')],
    }
  }
  const reading = readSchema(schema, field)
  const { faults, root } = reading
  if (faults.length === 0) resolveLinks(reading)
  if (faults.length > 0) return { faults: faults.slice(0, MOST_FAULTS) }
  const circle = findCircle(reading.nodes.keys(), reading.sameValue)
  if (circle) {
    const at = reading.nodes.get(circle) ?? ''
    return { faults: [fault(field + at, 'circle', 'refers to itself without looking deeper')] }
  }
  const { tracks } = reading
  const { steps, stepsPerByte } = schemaLimits
  return {
    check(value, bytes) {
      const run = createRun(steps + stepsPerByte * bytes, tracks)
      evaluate(root, value, run, { path: undefined, seen: seenFor(run) })
      return run.left < 0 ? 'too_expensive' : run.violations
    },
  }
}

type Reading = {
  field: string
  faults: Fault[]
  root: Node
  /** Every node with its pointer, and the nodes that it applies to the same value. */
  nodes: Map<Node, string>
  byPointer: Map<string, Node>
  sameValue: Map<Node, Node[]>
  resources: Map<string, Resource>
  dynamic: DynamicAnchors
  links: { link: Link; reference: string; keyword: string; node: Node }[]
  tracks: boolean
  patterns: Patterns
}

function readSchema(schema: object, field: string): Reading {
  const resource: Resource = { uri: NO_URI, at: '', anchors: new Map(), dynamic: new Set() }
  const reading: Reading = {
    field,
    faults: [],
    root: { rules: [], cost: 1, resource },
    nodes: new Map(),
    byPointer: new Map(),
    sameValue: new Map(),
    resources: new Map([[NO_URI, resource]]),
    dynamic: new Map(),
    links: [],
    tracks: false,
    patterns: createPatterns(),
  }
  reading.root = readNode(reading, schema, { at: '', depth: 0, resource })
  return reading
}

type Position = { at: string; depth: number; resource: Resource }

/** The node of a subschema, and of all below it. */
function readNode(reading: Reading, schema: unknown, { at, depth, resource }: Position): Node {
  const node: Node = { rules: [], cost: 1, resource }
  const refuse = (code: string, reason: string, below = '') => {
    if (reading.faults.length < MOST_FAULTS) {
      reading.faults.push(fault(reading.field + at + below, code, reason))
    }
    return node
  }
  if (reading.faults.length >= MOST_FAULTS) return node
  if (reading.nodes.size >= schemaLimits.subschemas) {
    return refuse('too_many', `is beyond the ${schemaLimits.subschemas} subschemas of a schema`)
  }
  reading.nodes.set(node, at)
  reading.byPointer.set(at, node)
  reading.sameValue.set(node, [])
  if (typeof schema === 'boolean') {
    if (!schema)
      node.rules.push((_, run, path) => violated(run, path, 'false', () => 'is not allowed'))
    return node
  }
  if (!isObject(schema)) return refuse('invalid', 'must be a schema: an object, true or false')
  if (depth >= schemaLimits.depth) {
    return refuse('too_deep', `is nested deeper than ${schemaLimits.depth} schemas`)
  }
  identify(reading, node, schema, refuse)
  const building = buildingOf(reading, node, schema, { at, depth, resource: node.resource })
  for (const [keyword, build] of keywords) {
    if (!Object.hasOwn(schema, keyword)) continue
    const rule = build(schema[keyword], building)
    if (typeof rule === 'string') refuse('invalid', rule, `/${keyword}`)
    else if (rule) node.rules.push(rule)
  }
  countOthers(reading, schema, building, refuse)
  return node
}

type Refuse = (code: string, reason: string, below?: string) => Node

/** Containers of subschemas, and keywords without a rule. */
function countOthers(
  reading: Reading,
  schema: Record<string, unknown>,
  building: Building,
  refuse: Refuse,
): void {
  for (const [keyword, given] of Object.entries(schema)) {
    if (keyword === '$defs' || keyword === 'definitions') {
      if (!isObject(given)) refuse('invalid', 'must be an object of schemas', `/${keyword}`)
      else for (const [name, one] of Object.entries(given)) building.child(one, [keyword, name])
    } else if (keyword === '$schema') {
      if (typeof given === 'string' && DRAFT.test(given)) continue
      refuse('invalid', 'must be https://json-schema.org/draft/2020-12/schema', '/$schema')
    } else if (!known.has(keyword) && !isNote(keyword)) {
      refuse('unknown', problemOfKeyword(keyword), `/${pointerStep(keyword.slice(0, 100))}`)
    }
    if (keyword.startsWith('unevaluated')) reading.tracks = true
  }
}

function buildingOf(
  reading: Reading,
  node: Node,
  schema: Record<string, unknown>,
  { at, depth, resource }: Position,
): Building {
  return {
    node,
    schema,
    dynamic: reading.dynamic,
    pattern: reading.patterns,
    child(one, steps, isSame = false) {
      const below = steps.map((step) => `/${pointerStep(step)}`).join('')
      const child = readNode(reading, one, { at: at + below, depth: depth + 1, resource })
      if (isSame) reading.sameValue.get(node)?.push(child)
      return child
    },
    refer(reference, keyword) {
      const link: Link = { node: undefined, anchor: undefined }
      reading.links.push({ link, reference, keyword, node })
      return link
    },
  }
}

/** Takes the names of a subschema: $id, $anchor and $dynamicAnchor. */
function identify(
  reading: Reading,
  node: Node,
  schema: Record<string, unknown>,
  refuse: Refuse,
): void {
  const { $id: id, $anchor: anchor, $dynamicAnchor: dynamicAnchor } = schema
  const at = reading.nodes.get(node) ?? ''
  if (id !== undefined) {
    const uri = typeof id === 'string' ? uriOf(id, node.resource.uri) : undefined
    if (uri?.fragment !== '') {
      refuse('invalid', 'must be a URI without a fragment', '/$id')
    } else if (reading.resources.has(uri.base)) {
      refuse('taken', 'is the $id of another subschema', '/$id')
    } else {
      node.resource = { uri: uri.base, at, anchors: new Map(), dynamic: new Set() }
      reading.resources.set(uri.base, node.resource)
    }
  }
  const { resource } = node
  for (const [keyword, name] of [
    ['$anchor', anchor],
    ['$dynamicAnchor', dynamicAnchor],
  ] as const) {
    if (name === undefined) continue
    if (typeof name !== 'string' || !ANCHOR.test(name)) {
      refuse('invalid', 'must be a name of letters, digits, _, - and .', `/${keyword}`)
    } else if (resource.anchors.has(name)) {
      refuse('taken', 'is the anchor of another subschema', `/${keyword}`)
    } else {
      resource.anchors.set(name, node)
      if (keyword === '$anchor') continue
      resource.dynamic.add(name)
      const nodes = reading.dynamic.get(name) ?? new Map<Resource, Node>()
      reading.dynamic.set(name, nodes.set(resource, node))
    }
  }
}

/** Finds the subschema of each reference. */
function resolveLinks(reading: Reading): void {
  for (const { link, reference, keyword, node } of reading.links) {
    const target = targetOf(reading, reference, node.resource)
    if (typeof target === 'string') {
      const at = `${reading.field}${reading.nodes.get(node)}/${keyword}`
      reading.faults.push(fault(at, 'invalid', target))
      if (reading.faults.length >= MOST_FAULTS) return
      continue
    }
    link.node = target.node
    const { anchor } = target
    const isDynamic = keyword === '$dynamicRef' && target.node.resource.dynamic.has(anchor)
    if (isDynamic) link.anchor = anchor
    const reached = isDynamic ? [...(reading.dynamic.get(anchor)?.values() ?? [])] : [target.node]
    reading.sameValue.get(node)?.push(...reached)
  }
}

function targetOf(
  { resources, byPointer }: Reading,
  reference: string,
  from: Resource,
): { node: Node; anchor: string } | string {
  const uri = uriOf(reference, from.uri)
  if (!uri) return 'is not a reference'
  const resource = resources.get(uri.base)
  if (!resource) {
    return 'points out of the schema: only references within it are followed, such as #/$defs/item'
  }
  const { fragment } = uri
  const isPointer = fragment === '' || fragment.startsWith('/')
  const node = isPointer ? byPointer.get(resource.at + fragment) : resource.anchors.get(fragment)
  return node ? { node, anchor: fragment } : 'points to nothing, or to what is no subschema'
}

/** A URI resolved against another, in two parts; undefined if it is malformed. */
function uriOf(text: string, base: string): { base: string; fragment: string } | undefined {
  const url = URL.parse(text, base)
  if (!url) return undefined
  try {
    const fragment = decodeURIComponent(url.hash.slice(1))
    url.hash = ''
    return { base: url.href, fragment }
  } catch {
    return undefined
  }
}
