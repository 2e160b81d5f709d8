// Arguments of a command line that are positions, counts and files.

import { createReadStream, fstatSync, openSync, type ReadStream, readFileSync } from 'node:fs'
import { UsageError } from './client.ts'

/** A position in the log. Throws a UsageError if it is not one. */
export function positionOfArgument(text: string): number {
  if (/^\d{1,16}$/.test(text)) return Number(text)
  throw new UsageError(`${text} is not a position, such as 1763640000123456.`)
}

/** A whole number from 1 on. Throws a UsageError if it is not one. */
export function countOfOption(option: string, text: string): number {
  const count = Number(text)
  if (Number.isSafeInteger(count) && count >= 1) return count
  throw new UsageError(`${option} must be a whole number, at least 1.`)
}

/** The bytes of a file; - is standard input. Throws a UsageError if it cannot be read. */
export function readNamedFile(file: string): Buffer<ArrayBuffer> {
  return reading(file, () => readFileSync(file === '-' ? 0 : file))
}

/** Opens a file to read it in parts. Throws a UsageError if it cannot be read. */
export function openNamedFile(file: string): { input: ReadStream; size: number } {
  return reading(file, () => {
    const fd = openSync(file, 'r')
    const stats = fstatSync(fd)
    if (stats.isDirectory()) throw new Error('it is a directory')
    return { input: createReadStream(file, { fd }), size: stats.size }
  })
}

/** The JSON object in a file; - is standard input. Throws a UsageError if there is none. */
export function readJsonFile(file: string): Record<string, unknown> {
  const value: unknown = reading(file, () => JSON.parse(readNamedFile(file).toString('utf8')))
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw new UsageError(`${file} is not a JSON object.`)
}

function reading<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}.`, { cause: error })
  }
}
