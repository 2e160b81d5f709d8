// The text of a setting as a value of its schema. typebox converts and checks, too, but with three
// hundred modules: a tenth of a start's CPU.

import { readFileSync } from 'node:fs'
import { ruleOfPattern } from './input/pattern.ts'

/** The keywords of JSON Schema that settings use. */
export type SettingSchema = {
  type?: 'boolean' | 'integer' | 'number' | 'string'
  default?: unknown
  enum?: string[]
  minimum?: number
  exclusiveMinimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  pattern?: string
}

type Rule = [holds: boolean, words: string]

/** The text of a setting, or of the file that NAME_FILE names. Adds what is wrong to `problems`. */
export function textOfSetting(
  environment: NodeJS.ProcessEnv,
  key: string,
  problems: string[],
): string | undefined {
  const file = environment[`${key}_FILE`]
  if (!file) return environment[key]
  if (environment[key]) problems.push(`${key} and ${key}_FILE are both set: set one`)
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    problems.push(`${key}_FILE cannot be read: ${(error as NodeJS.ErrnoException).code}`)
    return undefined
  }
}

/** The value of a text, or its fault as the rest of a sentence. */
export function readSetting(
  text: string,
  schema: SettingSchema,
): { value: unknown } | { fault: string } {
  const value = convert(text, schema)
  const broken = rulesOf(value, text, schema).find(([holds]) => !holds)
  return broken ? { fault: `must ${broken[1]}` } : { value }
}

function convert(text: string, { type }: SettingSchema): unknown {
  if (type === 'boolean') return /^(true|1)$/i.test(text)
  return type === 'integer' || type === 'number' ? Number(text) : text
}

function rulesOf(value: unknown, text: string, schema: SettingSchema): Rule[] {
  switch (schema.type) {
    case 'boolean':
      return [[/^(true|false|0|1)$/i.test(text), 'be true or false']]
    case 'integer':
      return [[Number.isInteger(value), 'be a whole number'], ...bounds(value as number, schema)]
    case 'number':
      return [[Number.isFinite(value), 'be a number'], ...bounds(value as number, schema)]
    default:
      return rulesOfText(text, schema)
  }
}

function bounds(value: number, schema: SettingSchema): Rule[] {
  const { minimum = -Infinity, maximum = Infinity, exclusiveMinimum: over = -Infinity } = schema
  return [
    [value >= minimum, `be at least ${minimum}`],
    [value <= maximum, `be at most ${maximum}`],
    [value > over, `be more than ${over}`],
  ]
}

function rulesOfText(text: string, schema: SettingSchema): Rule[] {
  const { minLength = 0, maxLength = Infinity, pattern = '', enum: values = [text] } = schema
  return [
    [text.length >= minLength, `have at least ${minLength} characters`],
    [text.length <= maxLength, `have at most ${maxLength} characters`],
    [new RegExp(pattern).test(text), ruleOfPattern(pattern)],
    [values.includes(text), `be one of ${values.join(', ')}`],
  ]
}
