// The operator's token.

import { describe, expect, it } from 'vitest'
import { createAdminTokenCheck } from '../../src/access/admin-token.ts'

describe('the admin token', () => {
  it('is recognised, and nothing else is', () => {
    const check = createAdminTokenCheck('the-token')
    expect(check('the-token')?.mayActFor('any', 'admin')).toBe(true)
    for (const wrong of ['', 'the-toke', 'the-token2', 'THE-TOKEN']) {
      expect(check(wrong)).toBeUndefined()
    }
  })
})
