// The token of a person who has signed in: an hour long, signed by the service for itself. Its key
// and its type are its own, so that no other JWT passes for one.

import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from 'jose'
import type { Clock } from '../clock.ts'
import { type Identity, identityOf, type SCOPES } from '../http/identity.ts'
import type { Person } from './person.ts'

const TYPE = 'millrace-person+jwt'
const ALGORITHM = 'HS256'
const LIFETIME_SECONDS = 3_600

export type PersonTokens = {
  sign(person: Person): Promise<{ token: string; expiresAt: Date }>
  /** Undefined if it is no such token, or not valid any more. */
  verify(token: string): Promise<Identity | undefined>
}

/** Each key verifies; the first one signs. */
export function createPersonTokens(keys: Uint8Array[], clock: Clock): PersonTokens {
  return {
    async sign({ actor, grant: { tenants, scopes } }) {
      const now = Math.floor(clock() / 1_000)
      const end = now + LIFETIME_SECONDS
      const token = await new SignJWT({ tenants, scopes })
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
        .setSubject(actor)
        .setIssuedAt(now)
        .setExpirationTime(end)
        .sign(keys[0] as Uint8Array)
      return { token, expiresAt: new Date(end * 1_000) }
    },
    async verify(token) {
      if (typeOf(token) !== TYPE) return undefined
      for (const key of keys) {
        const identity = await verifyWith(key, token, clock)
        if (identity) return identity
      }
      return undefined
    },
  }
}

async function verifyWith(
  key: Uint8Array,
  token: string,
  clock: Clock,
): Promise<Identity | undefined> {
  try {
    const options = { algorithms: [ALGORITHM], typ: TYPE, currentDate: new Date(clock()) }
    const { payload } = await jwtVerify<Signed>(token, key, options)
    const { sub, exp, tenants, scopes } = payload
    const unbound = { teams: null, services: null, eventNames: null }
    return identityOf(sub, { tenants, scopes, ...unbound }, new Date(exp * 1_000))
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined
    throw error
  }
}

/** The claims that `sign` puts into a token. */
type Signed = { sub: string; exp: number; tenants: string[]; scopes: (typeof SCOPES)[number][] }

/** The type that a token names; undefined if it is not a JWT. */
function typeOf(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).typ
  } catch {
    return undefined
  }
}
