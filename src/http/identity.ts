// What a caller may do. Scopes are declared by routes; identities come from src/access.

/** `public` needs no token; the others are what a token may be allowed. */
export type Scope = 'public' | 'publish' | 'read' | 'configure' | 'admin'

export type Identity = {
  /** How the config log and the operator's log name the caller; never the token. */
  actor: string
  mayActFor(tenant: string, scope: Scope): boolean
}

/** The identity behind a token; undefined where nobody is. */
export type Authenticate = (token: string) => Identity | undefined
