// Packages that a start does without: each is loaded with its first use.

import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

export const undici = (): typeof import('undici') => require('undici')

export const re2 = (): typeof import('re2js') => require('re2js')

export const typebox = {
  compile: (): typeof import('typebox/compile') => require('typebox/compile'),
  format: (): typeof import('typebox/format') => require('typebox/format'),
}
