// One random change of a valid value or of its bytes, which makes a request nearly valid.

import type { Chance } from '../kit/chance.ts'
import { LONG_TEXT, NUMBERS, OTHER_TYPES, PRIVATE_HOSTS, raw, TEXTS, TIMES } from './hostile.ts'

/** A value after one change, and the change as text. */
export type Mutated<T> = { value: T; what: string }

const isUrl = (value: unknown) =>
  typeof value === 'string' && /^https?:/.test(value) && URL.canParse(value)

type Node = { holder: Record<string, unknown>; key: string }

/** A copy of the value with one node changed. */
export function mutateValue(original: unknown, chance: Chance): Mutated<unknown> {
  const root: Record<string, unknown> = { body: structuredClone(original) }
  const nodes = nodesOf(root)
  const node = chance.pick(nodes)
  for (const change of chance.sample(changes, changes.length)) {
    const what = change(node, chance)
    if (what !== undefined) return { value: root['body'], what: `${node.key}: ${what}` }
  }
  throw new Error('Every node can be missing.')
}

/** The value with one URL at a forbidden address; undefined if it has none. */
export function mutateUrl(original: unknown, chance: Chance): Mutated<unknown> | undefined {
  const root: Record<string, unknown> = { body: structuredClone(original) }
  const nodes = nodesOf(root).filter(({ holder, key }) => isUrl(holder[key]))
  if (nodes.length === 0) return undefined
  const { holder, key } = chance.pick(nodes)
  holder[key] = privateUrl(String(holder[key]), chance)
  return { value: root['body'], what: `${key}: ${PRIVATE}` }
}

function nodesOf(holder: Record<string, unknown>): Node[] {
  return Object.entries(holder).flatMap(([key, value]) => {
    const node = { holder, key }
    const isHolder = typeof value === 'object' && value !== null
    return isHolder ? [node, ...nodesOf(value as Record<string, unknown>)] : [node]
  })
}

/** Each returns the change as text, or undefined if it does not fit the node. */
type Change = (node: Node, chance: Chance) => string | undefined

const changeType: Change = ({ holder, key }, chance) => {
  holder[key] = structuredClone(chance.pick(OTHER_TYPES))
  return 'another type'
}

const changes: Change[] = [
  changeType,
  ({ holder, key }) => {
    delete holder[key]
    return 'missing'
  },
  ({ holder, key }, chance) => {
    const value = holder[key]
    if (typeof value !== 'object' || value === null) return undefined
    const name = chance.pick([
      'unknown',
      '',
      '__proto__',
      'constructor',
      'x y',
      'a\u0000',
      '\ud83d',
    ])
    const own = { value: chance.pick(['x', 5, null]), enumerable: true, configurable: true }
    Object.defineProperty(value, name, own)
    return `has ${JSON.stringify(name)}, too`
  },
  changeText,
  changeText,
  changeText,
  ({ holder, key }, chance) => {
    if (typeof holder[key] !== 'number') return undefined
    holder[key] = chance.pick(NUMBERS)
    return 'a number at an edge'
  },
  ({ holder, key }, chance) => {
    if (!Array.isArray(holder[key])) return undefined
    const [first = 'order.created'] = holder[key]
    holder[key] = Array.from({ length: chance.pick([101, 1_001, 20_000]) }, () => first)
    return 'a long array'
  },
  ({ holder, key }, chance) => {
    const depth = chance.pick([10, 100, 1_000, 20_000, 60_000])
    const [open, close] = chance.pick([
      ['[', ']'],
      ['{"a":', '}'],
    ] as const)
    holder[key] = raw(`${open.repeat(depth)}1${close.repeat(depth)}`)
    return `nested ${depth} deep`
  },
]

function changeText({ holder, key }: Node, chance: Chance): string | undefined {
  const value = holder[key]
  if (typeof value !== 'string') return undefined
  if (/^\d{4}-/.test(value)) holder[key] = chance.pick(TIMES)
  else if (chance.happens(0.02)) holder[key] = LONG_TEXT
  else {
    const text = chance.pick(TEXTS)
    holder[key] = chance.pick([text, value + text, text + value])
  }
  return 'another text'
}

/** The text of a mutation with an address that must not be called. */
export const PRIVATE = 'not public'

function privateUrl(url: string, chance: Chance): string {
  const { port } = new URL(url)
  const host = chance.pick(PRIVATE_HOSTS)
  return chance.pick([
    `http://${host}${port && `:${port}`}/`,
    `http://${host}/latest/meta-data`,
    `https://${host}:443/`,
    `HTTP://${host}:80/`,
    `http:${host}/`,
    `http:\\\\${host}\\`,
    ` http://${host}/`,
    `http://${host}\t/`,
  ])
}

/** Bytes of a JSON value in which `raw` numbers and nested values are written out. */
export function toJson(value: unknown): string {
  const text = JSON.stringify(value) ?? ''
  return text.replace(/"@raw:(.*?)@"/g, (_, json: string) => json.replaceAll('\\"', '"'))
}

/** A JSON text as bytes, changed in a way that a value cannot be. */
export function mutateBytes(json: string, chance: Chance): Mutated<Buffer> {
  const bytes = Buffer.from(json)
  const middle = chance.whole(0, bytes.length)
  const inserted = (piece: Buffer) =>
    Buffer.concat([bytes.subarray(0, middle), piece, bytes.subarray(middle)])
  const ways: [string, () => Buffer][] = [
    ['cut off', () => bytes.subarray(0, middle)],
    ['a byte of no UTF-8', () => inserted(Buffer.from([chance.pick([0x80, 0xc0, 0xff, 0xed])]))],
    ['a NUL', () => inserted(Buffer.alloc(1))],
    ['a byte order mark', () => Buffer.concat([Buffer.from('\ufeff'), bytes])],
    ['UTF-16', () => Buffer.from(json, 'utf16le')],
    ['a duplicate key', () => Buffer.from(json.replace(/^\{("[^"]*":)/, '{$1null,$1'))],
    ['something behind it', () => Buffer.from(`${json}${chance.pick(['{}', ',', '\0', ' x'])}`)],
    ['a comma at the end', () => Buffer.from(json.replace(/\}$/, ',}'))],
    ['a comment', () => Buffer.from(json.replace(/^\{/, '{/* */'))],
    ['too large', () => Buffer.from(json.padEnd(300_000, ' '))],
    ['much too large', () => Buffer.from(json.replace(/^\{/, `{"p":"${'p'.repeat(1_100_000)}",`))],
    ['many keys', () => Buffer.from(json.replace(/^\{/, `{${manyKeys()}`))],
    ['empty', () => Buffer.alloc(0)],
    ['an array', () => Buffer.from(`[${json}]`)],
    ['a text', () => Buffer.from(JSON.stringify(json))],
  ]
  // The large ones cost the most, and two in a hundred show as much as ten.
  const [what, make] = chance.pick(chance.happens(0.8) ? ways.filter(isSmall) : ways)
  return { value: make(), what }
}

const isSmall = ([what]: [string, unknown]) => !/large|many/.test(what)

function manyKeys(): string {
  return Array.from({ length: 20_000 }, (_, index) => `"k${index}":1,`).join('')
}
