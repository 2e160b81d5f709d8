// Which tenant a request is for: the header names it.

import { Type } from 'typebox'
import { fault, invalid } from '../errors.ts'
import { isTenant } from '../tenant.ts'
import { requireScope } from './authenticate.ts'
import type { Scope } from './identity.ts'
import type { Parameter, RequestContext } from './route.ts'

export const tenantHeader: Parameter = {
  in: 'header',
  name: 'tenant',
  description: 'The tenant, where the token is not bound to one. X-TWC-Tenant is the same.',
  required: false,
  schema: Type.String(),
  example: 'dodici',
}

/** The tenant of a request. Throws where none is named, or the caller may not act for it. */
export function tenantOf(context: RequestContext, scope: Scope): string {
  const tenant = context.get('tenant') || context.get('x-twc-tenant')
  if (!isTenant(tenant)) {
    const reason = tenant ? 'must be 1 to 63 letters, digits, _ and -' : 'is missing: name it'
    throw invalid([fault('tenant', 'required', reason)])
  }
  requireScope(context.state.identity, tenant, scope)
  return tenant
}
