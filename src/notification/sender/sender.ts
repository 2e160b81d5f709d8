// The sender of a tenant's mails: its own, with a sealed key, or the operator's.

import { sql } from 'kysely'
import { type Static, Type } from 'typebox'
import type { Db } from '../../db/pool.ts'
import { untilKnown } from '../../db/until-known.ts'
import { MASK } from '../../destination/mask.ts'
import { faultOfUnnamedSecret, isSameOrigin } from '../../destination/same-origin.ts'
import { fault, invalid } from '../../errors.ts'
import { VISIBLE_ASCII } from '../../input/pattern.ts'
import { ONE_LINE } from '../../input/text.ts'
import { latestPosition } from '../../log/position.ts'
import type { SecretBox } from '../../sealing/secret.ts'

const Name = Type.String({ maxLength: 255, pattern: ONE_LINE, examples: ['Dodici'] })
const shown = {
  from_email: Type.String({ format: 'email', maxLength: 320, description: 'A verified sender.' }),
  from_name: Type.Optional(Name),
  url: Type.Optional(
    Type.String({
      maxLength: 2_048,
      format: 'uri',
      examples: ['https://api.eu.sendgrid.com'],
      description: 'https://api.sendgrid.com, or https://api.eu.sendgrid.com.',
    }),
  ),
}
export const NewSender = Type.Object(
  {
    api_key: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 512,
        pattern: VISIBLE_ASCII,
        examples: ['SG.a-key'],
        description:
          'Of SendGrid, with the permission mail.send. Never shown again. Omitted, or sent as ' +
          `${MASK}, the stored one stays, if the url stays at its origin.`,
      }),
    ),
    ...shown,
  },
  { title: 'NotificationSenderInput', additionalProperties: false },
)
export const Sender = Type.Object(shown, { title: 'NotificationSender' })

export type NewSender = Static<typeof NewSender>
export type Sender = Static<typeof Sender>

/** The stored document: a sender with its key sealed. */
export type SenderDocument = Sender & { api_key: string }

type SealOptions = { secrets: SecretBox; stored: SenderDocument | undefined; ownUrl: string }

/**
 * The document of a sender, to store. A key that it omits or masks stays as `stored`. Throws if
 * there is none, or if it would go to another origin. `ownUrl`: the URL of senders without their
 * own.
 */
export function sealSender(
  tenant: string,
  { api_key: key, ...sender }: NewSender,
  { secrets, stored, ownUrl }: SealOptions,
): SenderDocument {
  if (key !== undefined && key !== MASK) return { ...sender, api_key: secrets.seal(tenant, key) }
  if (!stored) {
    const reason = key === MASK ? `is the mask ${MASK}, but no key is stored` : 'is missing'
    throw invalid([fault('api_key', 'required', reason)])
  }
  if (!isSameOrigin(stored.url ?? ownUrl, sender.url ?? ownUrl)) {
    throw invalid([faultOfUnnamedSecret('api_key', '')])
  }
  return { ...sender, api_key: stored.api_key }
}

/** A tenant's own sender as stored; undefined if it has none. */
export async function findSender(
  db: Db,
  tenant: string,
): Promise<{ version: number; document: SenderDocument } | undefined> {
  return db
    .selectFrom('notification_sender')
    .select('version')
    .select((eb) => eb.ref('document').$castTo<SenderDocument>().as('document'))
    .where('tenant', '=', tenant)
    .executeTakeFirst()
}

/**
 * Stores a sender, or removes it; returns whether that changed anything. `changed_meanwhile`: its
 * version is no longer `ifVersion`, and nothing was changed.
 */
export async function changeSender(
  db: Db,
  tenant: string,
  document: SenderDocument | null,
  { actor, reason, ifVersion }: { actor: string; reason: string; ifVersion?: number },
): Promise<boolean | 'changed_meanwhile'> {
  const text = document && JSON.stringify(document)
  return untilKnown(async (callId) => {
    const { rows } = await sql<{ changed: boolean | null }>`
      select case
        when change_of_attempt(${tenant}, 'sender:sendgrid', ${callId}) is not null then true
        else change_notification_sender(
          ${tenant}, ${text}::jsonb, ${actor}, ${reason}, ${latestPosition()}, ${ifVersion ?? null}
        )
      end as changed`.execute(db)
    return rows[0]?.changed ?? 'changed_meanwhile'
  })
}
