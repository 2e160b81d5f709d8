// millrace rotate-secrets: reseals every stored secret under the old secret key with the current
// one, a document per transaction, while the service runs. Then the newest entry of each document
// in the config log opens with the current key alone; older entries stay. It may be killed at any
// time: it looks for documents that the current key does not open. The check value of the start
// (sealing/key-check.ts) comes last.

import { sql } from 'kysely'
import { type Db, openDatabase } from '../db/pool.ts'
import type { IntegrationDocument } from '../integration/integration.ts'
import { mapSecrets } from '../integration/secrets.ts'
import { latestPosition } from '../log/position.ts'
import { createLogger } from '../logger.ts'
import type { SenderDocument } from '../notification/sender/sender.ts'
import { refuseWrongKey, resealKeyCheck } from '../sealing/key-check.ts'
import { createSecretBox, NotOpened, type SecretBox } from '../sealing/secret.ts'
import { mapKeys } from '../subscription/seal.ts'
import type { SubscriptionDocument } from '../subscription/subscription.ts'

/** Documents that are read at once. */
const PAGE = 100
/** The most rounds over all documents: a concurrent change needs another round. */
const MOST_ROUNDS = 10
const ACTOR = 'millrace rotate-secrets'
const REASON = 'Sealed with the current secret key.'

/** A row with sealed secrets. */
type Holder = { tenant: string; id: string; version: number } & (
  | { kind: 'integration'; document: IntegrationDocument }
  | { kind: 'subscription'; document: SubscriptionDocument }
  | { kind: 'sender'; document: SenderDocument }
)

/**
 * The result of a round: documents resealed, changed by others meanwhile, and impossible to open.
 */
type Round = { resealed: number; lost: number; closed: string[] }

/**
 * Reseals all secrets of a database, and prints the result. Returns whether the current key alone
 * now opens everything. Throws an Error with one sentence if neither key is the database's.
 */
export async function rotateSecrets(
  url: string,
  keys: { current: string; previous: string | undefined },
  print: (line: string) => void,
): Promise<boolean> {
  const secrets = createSecretBox(keys.current, keys.previous)
  await refuseWrongKey(url, secrets)
  const database = openDatabase(url, {
    durability: 'durable',
    max: 1,
    logger: createLogger('warn'),
  })
  try {
    let resealed = 0
    for (let rounds = 0; rounds < MOST_ROUNDS; rounds++) {
      const round = await resealAll(database.kysely, secrets)
      resealed += round.resealed
      if (round.closed.length > 0) {
        print(`Resealed: ${resealed}. Opened by neither key:`)
        for (const name of round.closed) print(`  ${name}`)
        print('Set their secrets anew, or remove them, and run this again.')
        return false
      }
      if (round.lost > 0) continue
      await resealKeyCheck(url, secrets)
      print(`Resealed: ${resealed}. The current key opens every stored secret.`)
      return true
    }
    print(`Resealed: ${resealed}. Others kept changing meanwhile: run this again.`)
    return false
  } finally {
    await database.close()
  }
}

async function resealAll(db: Db, secrets: SecretBox): Promise<Round> {
  const round: Round = { resealed: 0, lost: 0, closed: [] }
  let page = await holdersAfter(db, '', '')
  while (page.length > 0) {
    for (const holder of page) await resealOne(db, holder, secrets, round)
    const { tenant, id } = page.at(-1) as Holder
    page = await holdersAfter(db, tenant, id)
  }
  return round
}

/** The next ones in the order of tenant and id. */
async function holdersAfter(db: Db, tenant: string, id: string): Promise<Holder[]> {
  const { rows } = await sql<Holder>`
    select tenant, id, kind, version, document
    from (
      select tenant, id, kind, version, document
      from consumer
      where kind in ('integration', 'subscription')
      union all
      select tenant, 'sender:sendgrid', 'sender', version, document from notification_sender
    ) as holder
    where (tenant, id) > (${tenant}, ${id})
    order by tenant, id
    limit ${PAGE}`.execute(db)
  return rows
}

async function resealOne(db: Db, holder: Holder, secrets: SecretBox, round: Round): Promise<void> {
  const { tenant, id, kind, version } = holder
  try {
    let isOld = false
    const document = JSON.stringify(
      resealed(holder, (text) => {
        const sealed = secrets.reseal(tenant, text)
        isOld ||= sealed !== text
        return sealed
      }),
    )
    if (!isOld) return
    const change = sql`${version}, ${document}::jsonb, ${ACTOR}, ${REASON}, ${latestPosition()}`
    const call =
      kind === 'sender'
        ? sql`reseal_notification_sender(${tenant}, ${change})`
        : sql`reseal_consumer(${tenant}, ${id}, ${change})`
    const { rows } = await sql<{ done: boolean }>`select ${call} as done`.execute(db)
    if (rows[0]?.done) round.resealed++
    else round.lost++
  } catch (error) {
    if (!(error instanceof NotOpened)) throw error
    round.closed.push(`${tenant}: ${id}`)
  }
}

function resealed(holder: Holder, reseal: (text: string) => string): object {
  const { kind, document } = holder
  if (kind === 'integration') return mapSecrets(document, reseal)
  if (kind === 'sender') return { ...document, api_key: reseal(document.api_key) }
  return { ...document, destination: mapKeys(document.destination, reseal) }
}
