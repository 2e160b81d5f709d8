// The tenant of a request: from its header, or the only one of its token.

import { Type } from 'typebox'
import { fault, invalid } from '../errors.ts'
import { isTenant, TENANT_PATTERN, tenantHeaderOf } from '../input/tenant.ts'
import { requireScope } from './authorize.ts'
import { onlyTenantOf, type Scope } from './identity.ts'
import type { Exchange, Parameter } from './route.ts'

export const tenantHeader: Parameter = {
  in: 'header',
  name: 'tenant',
  description:
    'The tenant; optional if the token is bound to a single one. X-TWC-Tenant is the same; ' +
    'if a request has both, they must agree.',
  required: false,
  schema: Type.String({ pattern: TENANT_PATTERN }),
  example: 'dodici',
}

/**
 * The tenant of a request. Throws `invalid_request` if neither the header nor the token names one,
 * `forbidden` if the caller may not act for it.
 */
export function tenantOf(context: Exchange, scope: Scope): string {
  const tenant = namedTenant(context) ?? onlyTenantOf(context.state.identity)
  if (tenant === undefined) {
    const message = 'The header `tenant` is missing'
    throw invalid([{ field: 'tenant', code: 'required', message }])
  }
  requireScope(context.state.identity, tenant, scope)
  return tenant
}

/**
 * The tenant in the header, if there is one. Throws `invalid_request` if it is not a tenant's name.
 */
export function namedTenant(context: Exchange): string | undefined {
  const tenant = tenantHeaderOf(context.req.headers)
  if (tenant === undefined || isTenant(tenant)) return tenant
  throw invalid([fault('tenant', 'invalid', 'must be 1 to 63 letters, digits, _ and -')])
}
