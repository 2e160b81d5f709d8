// Keywords that look at a value alone. Each builds its rule, or says why its own value is wrong, as
// the rest of a sentence.

import { isObject } from '../input/json.ts'
import type { Build } from './build.ts'
import { canonicalOf, costOfText } from './equal.ts'
import { formatCheck } from './format.ts'
import { patternRule } from './pattern.ts'
import { type Rule, violated } from './run.ts'

const TYPES = ['null', 'boolean', 'object', 'array', 'number', 'string', 'integer']
/** How much of the schema's own values a message quotes. */
const LONGEST_QUOTE = 200
/** An enum may be this large; its values are compared by their identities. */
const MOST_VALUES = 1_000
/** For what is made while a schema is compiled: bounded by the size of the schema. */
const free = () => ({ left: Number.POSITIVE_INFINITY })

const quote = (value: unknown) => {
  const text = JSON.stringify(value)
  return text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}...` : text
}

export const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string')

/** A rule for values of one type; others pass. */
const ofNumbers =
  (keyword: string, words: string, isGood: (value: number, bound: number) => boolean): Build =>
  (given) => {
    if (typeof given !== 'number' || !Number.isFinite(given)) return 'must be a number'
    if (keyword === 'multipleOf' && given <= 0) return 'must be greater than 0'
    return (value, run, path) =>
      typeof value !== 'number' ||
      isGood(value, given) ||
      violated(run, path, keyword, () => `must be ${words} ${given}`)
  }

type Count = { keyword: string; isMost: boolean; unit: string; of(value: unknown): number }

const counting =
  ({ keyword, isMost, unit, of }: Count): Build =>
  (given) => {
    if (!isCount(given)) return 'must be a whole number, 0 or more'
    const words = `must have at ${isMost ? 'most' : 'least'} ${given} ${unit}`
    return (value, run, path) => {
      const count = of(value)
      if (count < 0 || (isMost ? count <= given : count >= given)) return true
      return violated(run, path, keyword, () => words)
    }
  }

export const isCount = (given: unknown): given is number =>
  typeof given === 'number' && Number.isSafeInteger(given) && given >= 0

/** Characters, not halves of surrogate pairs; -1 if it is no text. */
function lengthOf(value: unknown): number {
  if (typeof value !== 'string') return -1
  let length = 0
  for (const _ of value) length++
  return length
}

const itemsOf = (value: unknown) => (Array.isArray(value) ? value.length : -1)
const fieldsOf = (value: unknown) => (isObject(value) ? Object.keys(value).length : -1)

/** The rules of assertions by their keywords, in the order in which they are asked. */
export const assertions: Record<string, Build> = {
  type: (given) => {
    const types = typeof given === 'string' ? [given] : given
    if (!isTexts(types) || types.length === 0 || !types.every((one) => TYPES.includes(one))) {
      return `must be one of ${TYPES.join(', ')}, or a list of them`
    }
    return (value, run, path) =>
      types.some((type) => isOfType(value, type)) ||
      violated(run, path, 'type', () => `must be ${types.join(' or ')}`)
  },
  const: (given, { node }) => {
    const wanted = canonicalOf(given, free())
    node.cost += costOfText(wanted)
    return (value, run, path) =>
      canonicalOf(value, run) === wanted ||
      violated(run, path, 'const', () => `must be ${quote(given)}`)
  },
  enum: (given) => {
    if (!Array.isArray(given) || given.length === 0 || given.length > MOST_VALUES) {
      return `must be a list of 1 to ${MOST_VALUES} values`
    }
    const wanted = new Set(given.map((one) => canonicalOf(one, free())))
    return (value, run, path) =>
      wanted.has(canonicalOf(value, run)) ||
      violated(run, path, 'enum', () => `must be one of ${quote(given).slice(1, -1)}`)
  },
  multipleOf: ofNumbers('multipleOf', 'a multiple of', isMultiple),
  maximum: ofNumbers('maximum', 'at most', (value, bound) => value <= bound),
  exclusiveMaximum: ofNumbers('exclusiveMaximum', 'less than', (value, bound) => value < bound),
  minimum: ofNumbers('minimum', 'at least', (value, bound) => value >= bound),
  exclusiveMinimum: ofNumbers('exclusiveMinimum', 'greater than', (value, bound) => value > bound),
  maxLength: lengths(true),
  minLength: lengths(false),
  format: (given) => {
    if (typeof given !== 'string') return 'must be a text'
    const check = formatCheck(given)
    return (
      check &&
      ((value, run, path) => {
        if (typeof value !== 'string') return true
        run.left -= costOfText(value)
        return check(value) || violated(run, path, 'format', () => `must be of format ${given}`)
      })
    )
  },
  pattern: patternRule,
  maxItems: counting({ keyword: 'maxItems', isMost: true, unit: 'items', of: itemsOf }),
  minItems: counting({ keyword: 'minItems', isMost: false, unit: 'items', of: itemsOf }),
  uniqueItems: (given) => {
    if (typeof given !== 'boolean') return 'must be true or false'
    return given ? areUnique : undefined
  },
  maxProperties: fields(true),
  minProperties: fields(false),
  required: (given, { node }) => {
    if (!isTexts(given)) return 'must be a list of names'
    node.cost += given.length / 4
    return (value, run, path) =>
      !isObject(value) ||
      given
        .filter((name) => !Object.hasOwn(value, name))
        .map((name) => violated(run, { before: path, key: name }, 'required', () => 'is missing'))
        .length === 0
  },
}

function lengths(isMost: boolean): Build {
  const keyword = isMost ? 'maxLength' : 'minLength'
  const build = counting({ keyword, isMost, unit: 'characters', of: lengthOf })
  return (given, building) => {
    const rule = build(given, building)
    if (typeof rule !== 'function') return rule
    return (value, run, path, seen) => {
      if (typeof value !== 'string') return true
      // A text has at most as many characters as halves, and at least half of them.
      const bound = Number(given)
      if (isMost ? value.length <= bound : value.length >= 2 * bound) return true
      run.left -= costOfText(value)
      return rule(value, run, path, seen)
    }
  }
}

function fields(isMost: boolean): Build {
  const keyword = isMost ? 'maxProperties' : 'minProperties'
  const build = counting({ keyword, isMost, unit: 'fields', of: fieldsOf })
  return (given, building) => {
    const rule = build(given, building)
    if (typeof rule !== 'function') return rule
    return (value, run, path, seen) => {
      const count = fieldsOf(value)
      if (count > 0) run.left -= count / 4
      return rule(value, run, path, seen)
    }
  }
}

const areUnique: Rule = (value, run, path) => {
  if (!Array.isArray(value)) return true
  const known = new Map<string, number>()
  for (let index = 0; index < value.length && run.left >= 0; index++) {
    const identity = canonicalOf(value[index], run)
    const first = known.get(identity)
    if (first !== undefined && run.left >= 0) {
      const both = `${first} and ${index}`
      return violated(run, path, 'uniqueItems', () => `must not have an item twice: ${both}`)
    }
    known.set(identity, index)
  }
  return true
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null
    case 'array':
      return Array.isArray(value)
    case 'object':
      return isObject(value)
    case 'integer':
      return Number.isInteger(value)
    default:
      return typeof value === type
  }
}

/** Up to the rounding of a division: 19.99 is a multiple of 0.01. */
function isMultiple(value: number, of: number): boolean {
  const quotient = value / of
  if (!Number.isFinite(quotient)) return false
  const difference = Math.abs(quotient - Math.round(quotient))
  return difference <= 4 * Number.EPSILON * Math.abs(quotient)
}
