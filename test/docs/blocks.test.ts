// What counts as a block of a manual.

import { expect, it } from 'vitest'
import { blocksOf } from './blocks.ts'

it('finds blocks with their lines, in lists too, and which follows which', () => {
  const manual = 'a\n```sh\none\n  two\n```\n\n```json\n{}\n```\n* b\n\n  ```\n  three\n  ```\n'
  const [first, second, third] = blocksOf(manual)
  expect(first).toEqual({ line: 3, language: 'sh', text: 'one\n  two', before: undefined })
  expect(second).toMatchObject({ line: 8, language: 'json', before: first })
  expect(third).toEqual({ line: 13, language: '', text: 'three', before: undefined })
})

it('refuses a block without an end', () => {
  expect(() => blocksOf('```sh\none\n')).toThrow('The block of line 2 has no end.')
})
