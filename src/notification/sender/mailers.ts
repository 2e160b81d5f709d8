// The sender of a tenant's mails: its own, or the operator's. The first mail makes the connections.

import type { Agent } from 'undici'
import { type Config, limits } from '../../config.ts'
import type { Db } from '../../db/pool.ts'
import { createMailAgent, createSendGrid, type Mailer } from '../../destination/sendgrid.ts'
import { MillraceError } from '../../errors.ts'
import { NotOpened, type SecretBox } from '../../sealing/secret.ts'
import { findSender } from './sender.ts'

/** `missing`: why there is none, and what to do. */
type Found = Mailer | { missing: string }

export type Mailers = {
  /** The mailer of a tenant. */
  of(tenant: string): Promise<Found>
  /** Whether tenants without a sender of their own have the operator's. */
  hasOperator: boolean
  /** The URL of senders without one of their own. */
  ownUrl: string
  close(): Promise<unknown>
}

/** The rules of callback URLs apply to a tenant's own URL; the operator's URL is free. */
export function createMailers(config: Config, parts: { db: Db; secrets: SecretBox }): Mailers {
  const { db, secrets } = parts
  const allowPrivateTargets = config.MILLRACE_ALLOW_PRIVATE_TARGETS
  const agents = createMailAgents(allowPrivateTargets)
  const options = {
    timeoutMs: config.MILLRACE_DELIVERY_TIMEOUT_MS,
    responseBytes: limits.responseBytes,
    storedResponse: limits.storedResponse,
  }
  const {
    MILLRACE_SENDGRID_API_KEY: ownKey,
    MILLRACE_SENDGRID_FROM: email,
    MILLRACE_SENDGRID_FROM_NAME: name,
    MILLRACE_SENDGRID_URL: ownUrl,
  } = config

  return {
    hasOperator: Boolean(ownKey && email),
    ownUrl,
    close: () => agents.close(),
    async of(tenant) {
      const own = (await findSender(db, tenant))?.document
      if (own) {
        const apiKey = openKey(tenant, own.api_key)
        if (apiKey instanceof NotOpened) return { missing: apiKey.message }
        const from = { email: own.from_email, name: own.from_name }
        const sender = { url: own.url ?? ownUrl, apiKey, from }
        const agent = own.url ? agents.tenants : agents.operator
        const isAllowed = own.url === undefined || allowPrivateTargets
        return createSendGrid(agent, sender, { ...options, allowPrivateTargets: isAllowed })
      }
      if (!ownKey || !email) return { missing: NO_SENDER }
      const sender = { url: ownUrl, apiKey: ownKey, from: { email, name } }
      return createSendGrid(agents.operator, sender, { ...options, allowPrivateTargets: true })
    },
  }

  function openKey(tenant: string, sealed: string): string | NotOpened {
    try {
      return secrets.open(tenant, sealed)
    } catch (error) {
      if (error instanceof NotOpened) return error
      throw error
    }
  }
}

/** The mailer that was found. Throws `conflict` if there is none. */
export function requireMailer(found: Found): Mailer {
  if ('missing' in found) throw new MillraceError('conflict', found.missing)
  return found
}

const NO_SENDER =
  'There is no sender: the tenant has none, and MILLRACE_SENDGRID_API_KEY and ' +
  'MILLRACE_SENDGRID_FROM are not set. Set one of the tenant with PUT ' +
  '/api/v1/notification-sender, or these settings.'

/** Connections to the URLs of tenants, and to the operator's. */
function createMailAgents(allowPrivateTargets: boolean) {
  let tenants: Agent | undefined
  let operator: Agent | undefined
  return {
    get tenants() {
      tenants ??= createMailAgent({ allowPrivateTargets })
      return tenants
    },
    get operator() {
      operator ??= createMailAgent({ allowPrivateTargets: true })
      return operator
    },
    close: () => Promise.all([tenants?.destroy(), operator?.destroy()]),
  }
}
