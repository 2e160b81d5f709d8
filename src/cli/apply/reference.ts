// References of a tenant file: ${env:NAME} is a variable of the environment, ${file:path} the text
// of a file, relative to the tenant file. A reference is a whole value. $${env:NAME} is that text.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { readVariable } from '../../config.ts'
import { isObject } from '../../input/json.ts'
import type { Tree } from '../../input/tree.ts'
import { UsageError } from '../client.ts'

const REFERENCE = /^\$\{(?:env:(?<name>[A-Za-z_][A-Za-z0-9_]*)|file:(?<file>[^}]+))\}$/
const ESCAPED = /^\$(?=\$+\{(env|file):)/

/** Whether a value is a reference. */
export function isReference(value: unknown): boolean {
  return typeof value === 'string' && REFERENCE.test(value)
}

/** A text of the service as a value of a file. */
export function escapeReference(text: string): string {
  return /^\$+\{(env|file):/.test(text) ? `$${text}` : text
}

/** The tree with all references resolved, except in the fields of `secrets`. */
export function resolveAll(tree: Tree, secrets: string[], directory: string, before = ''): Tree {
  const entries = Object.entries(tree).map(([key, value]) => {
    const field = before + key
    if (secrets.includes(field)) return [key, value]
    if (isObject(value)) return [key, resolveAll(value as Tree, secrets, directory, `${field}.`)]
    return [key, resolveValue(value, field, directory)]
  })
  return Object.fromEntries(entries)
}

/**
 * The value that a reference stands for; other values as they are. Throws a UsageError that names
 * the field, and never a value.
 */
export function resolveValue(value: unknown, field: string, directory: string): unknown {
  if (Array.isArray(value)) return value.map((one) => resolveValue(one, field, directory))
  if (typeof value !== 'string') return value
  const { name, file } = REFERENCE.exec(value)?.groups ?? {}
  if (name) {
    const found = readVariable(name)
    if (found) return found
    throw new UsageError(`${field} needs the environment variable ${name}`)
  }
  if (!file) return value.replace(ESCAPED, '')
  try {
    return readFileSync(path.resolve(directory, file), 'utf8').trim()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new UsageError(`${field} needs the file ${file}, which cannot be read: ${code}`)
  }
}
