// Hostile text on a terminal.

import { expect, it } from 'vitest'
import { printable, printableJson } from '../../src/input/printable.ts'

it('shows control codes instead of obeying them', () => {
  const title = '\x1b]0;owned\x07'
  expect(printable(`a${title}\u009b31m\r\nb\u202e`)).toBe(
    'a\\x1B]0;owned\\x07\\x9B31m\\x0D b\\u202E',
  )
})
it('keeps other text as it is', () => expect(printable('Größe 🎁')).toBe('Größe 🎁'))
it('keeps the value of JSON', () => {
  const value = { name: 'a\u009b2J\u202e\x7f\x1b' }
  const text = printableJson(`{\t${JSON.stringify(value).slice(1)}`)
  expect(text).not.toMatch(/[\x7f-\x9f\u202e\t]/)
  expect(JSON.parse(text)).toEqual(value)
})
