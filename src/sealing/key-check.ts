// Checks that the secret key is the one that sealed this installation's secrets. The first start
// seals a known text and stores it. Every later start refuses a key that does not open it, before
// it serves or delivers anything. During a change of keys the text is stored under both, so that
// all processes use the same two.

import type pg from 'pg'
import { openClient } from '../db/session.ts'
import { canOpen, type SecretBox } from './secret.ts'

/** The check value belongs to no tenant: no tenant has this name. */
const NOBODY = ''
const KNOWN = 'millrace'
/** How many stored documents to try if there is no check value yet. */
const DOCUMENTS = 100

/**
 * Throws an Error with one sentence if the keys of `secrets` are not those of the database at
 * `url`. If there is no check value, seals one; but first, stored secrets, if there are any, must
 * open.
 */
export async function refuseWrongKey(url: string, secrets: SecretBox): Promise<void> {
  const client = await openClient(url, 'millrace start', 'patient')
  const read = async (): Promise<Check | undefined> =>
    (await client.query('select sealed, sealed_next from secret_key_check')).rows[0]
  try {
    let check = await read()
    if (!check) {
      const stored = secretsIn((await client.query(someDocuments, [DOCUMENTS])).rows)
      const isOurs = stored.some(({ tenant, sealed }) => canOpen(secrets, tenant, sealed))
      if (stored.length > 0 && !isOurs) throw wrongKey()
      // Another process may have been first, perhaps with another key: its value counts.
      await client.query(
        'insert into secret_key_check (sealed) values ($1) on conflict do nothing',
        [secrets.seal(NOBODY, KNOWN)],
      )
      check = await read()
    }
    if (!check || !canOpen(secrets, NOBODY, check.sealed)) throw wrongKey()
    if (!secrets.isCurrent(NOBODY, check.sealed) && check.sealed_next === null) {
      // Another process may have registered another key: here, too, its value counts.
      await client.query(
        `update secret_key_check set sealed_next = $1
        where sealed_next is null and sealed = $2`,
        [secrets.seal(NOBODY, KNOWN), check.sealed],
      )
      check = await read()
    }
    if (!check || !isInTurn(check, secrets)) throw otherNextKey()
  } finally {
    await client.end()
  }
}

/** Why a service with these keys would refuse the database; undefined if it would not. */
export async function keyProblem(
  client: pg.Client,
  secrets: SecretBox,
): Promise<string | undefined> {
  const { rows } = await client.query<Check>('select sealed, sealed_next from secret_key_check')
  const [check] = rows
  if (!check) return undefined
  if (!canOpen(secrets, NOBODY, check.sealed)) return wrongKey().message
  return isInTurn(check, secrets) ? undefined : otherNextKey().message
}

/** The known text under the database's key, and under the next one during a change of keys. */
type Check = { sealed: string; sealed_next: string | null }

/** Whether the current key is one of the two, and the other one is available. */
function isInTurn({ sealed, sealed_next: next }: Check, secrets: SecretBox): boolean {
  if (secrets.isCurrent(NOBODY, sealed)) return next === null || canOpen(secrets, NOBODY, next)
  return next !== null && secrets.isCurrent(NOBODY, next)
}

/** Seals the check value with the current key: from now on the old key is not needed. */
export async function resealKeyCheck(url: string, secrets: SecretBox): Promise<void> {
  const client = await openClient(url, 'millrace rotate-secrets', 'patient')
  try {
    await client.query('update secret_key_check set sealed = $1, sealed_next = null', [
      secrets.seal(NOBODY, KNOWN),
    ])
  } finally {
    await client.end()
  }
}

const someDocuments = `
  select tenant, document::text as text
  from (
    select tenant, document from consumer
    union all
    select tenant, document from notification_sender
  ) as holder
  where document::text like '%"sealed:1:%'
  limit $1`

function secretsIn(rows: { tenant: string; text: string }[]) {
  return rows.flatMap(({ tenant, text }) =>
    [...text.matchAll(/"(sealed:1:[^"]*)"/g)].map(([, sealed = '']) => ({ tenant, sealed })),
  )
}

function wrongKey(): Error {
  const found = 'MILLRACE_SECRET_KEY is not the key that sealed the secrets of this database'
  const todo = 'set that key, or set it as MILLRACE_SECRET_KEY_PREVIOUS beside a new one'
  return new Error(`${found}: ${todo} (docs/operate.md, "The secret key").`)
}

function otherNextKey(): Error {
  const found =
    'MILLRACE_SECRET_KEY is not the key of the change under way, or the other key is missing'
  const todo = 'set both, one of them as MILLRACE_SECRET_KEY_PREVIOUS, until rotate-secrets is done'
  return new Error(`${found}: ${todo} (docs/operate.md, "The secret key").`)
}
