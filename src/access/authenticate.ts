// Turns a bearer token into an identity: the operator's token, an API key, the token of a person
// who has signed in, or a JWT, in this order.
// A cached key is answered at once, without a promise.

import type { Clock } from '../clock.ts'
import { type Authenticate, type Identity, identityOf } from '../http/identity.ts'
import {
  type FoundKey,
  identityOfKey,
  isSecretOf,
  type KeyToken,
  parseToken,
  statusOf,
} from './api-key.ts'
import type { Jwt } from './jwt.ts'
import type { KeyCache } from './key-cache.ts'
import type { PersonTokens } from './person-token.ts'

type Services = {
  adminToken: (token: string) => Identity | undefined
  keys: KeyCache
  persons: PersonTokens
  jwt: Jwt
  clock: Clock
}

/** Combines all kinds of token in one function. */
export function createAuthenticate(services: Services): Authenticate {
  const { adminToken, keys, persons, jwt, clock } = services
  return (token) => {
    const administrator = adminToken(token)
    if (administrator) return administrator
    const keyToken = parseToken(token)
    if (keyToken) {
      const key = findActiveKey(keys, keyToken, clock)
      return key instanceof Promise
        ? key.then((found) => found && identityOfKey(found))
        : key && identityOfKey(key)
    }
    return token.split('.').length === 3 ? byJwt(token) : undefined
  }

  async function byJwt(token: string): Promise<Identity | undefined> {
    const person = await persons.verify(token)
    if (person) return person
    const claims = await jwt.verify(token)
    if (!claims) return undefined
    const { subject, grant, keyId, expiresAt } = claims
    if (keyId === undefined) return identityOf(`JWT ${subject}`, grant, expiresAt)
    // A token given for a key ends with the key.
    const key = await keys.find(keyId)
    if (!key || statusOf(key, clock()) !== 'active') return undefined
    return identityOfKey(key, { grant, expiresAt })
  }
}

/** The key of a token, if it is known and active, and its secret is right. */
export function findActiveKey(
  keys: KeyCache,
  { id, secret }: KeyToken,
  clock: Clock,
): FoundKey | undefined | Promise<FoundKey | undefined> {
  const check = (key: FoundKey | undefined) =>
    key && isSecretOf(key, secret) && statusOf(key, clock()) === 'active' ? key : undefined
  const found = keys.find(id)
  return found instanceof Promise ? found.then(check) : check(found)
}
