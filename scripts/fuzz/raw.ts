// Broken HTTP over a separate socket. It must end within seconds, without a 5xx, and without
// successes beyond those of a strict reader.

import type { Findings } from '../kit/findings.ts'
import { brokenOf, publishOf } from './broken.ts'
import { describeBroken } from './case.ts'
import { HANG_MS } from './judge.ts'
import { type Block, chanceOf } from './request.ts'
import type { Span } from './stored.ts'
import { signJwt } from './tenant.ts'
import { type Exchange, exchange, PATIENCE_MS } from './wire.ts'

/** How long half a request stays on its socket. */
const HALF_MS = 50

/** Sends one; returns the bounds of how many events it may have appended. */
export async function sendRaw(
  { url, findings }: { url: URL; findings: Findings },
  { tenants, secret, seed }: Block,
  serial: number,
): Promise<Span> {
  const chance = chanceOf(seed, serial)
  const { name } = chance.pick(tenants)
  const token = signJwt({ tenant: name, scope: 'publish', sub: `raw-${serial}` }, secret)
  const broken = brokenOf(chance, (nth) => publishOf(name, token, `${serial}-${nth}`))
  const { pieces, end, isWhole } = broken
  const send = (untilMs: number) =>
    exchange(url, pieces, { most: Math.max(1, broken.most), untilMs, end })
  const { answers, isClosed } = await send(isWhole ? 3 * HANG_MS : HALF_MS)
  const taken = answers.filter(({ status }) => status < 300).length
  const broke = (check: string) => findings.broke(check, describeBroken(broken, answers))
  if (taken > broken.most) broke('broken HTTP was taken')
  if (answers.some(({ status }) => status >= 500)) broke('a 5xx to broken HTTP')
  const isShort = (one: Exchange) =>
    isWhole && !one.isClosed && one.answers.length < Math.max(1, broken.most)
  const isLate = isShort({ answers, isClosed, ms: 0 })
  // Once more, with patience: the machine may have been busy. Its keys are the same.
  if (isLate && isShort(await send(PATIENCE_MS))) broke('a hang')
  // A client that has closed its half gets no answer from node:http, and may have been heard.
  if (!end && !isLate && taken < broken.most) broke('HTTP was refused')
  return { least: taken, most: end || isLate ? broken.most : taken }
}
