// An operator who skips what holds up a stream, at random, and retries it at some later time. Each
// event that was skipped is delivered in the end, or is among the rejected ones: check.ts.

import type { Integration, IntegrationServices } from './integrations.ts'

/** Of the looks at a stream that is held up: so some of its events fail several times. */
const SKIPPED_SHARE = 0.5
const RETRIED_SHARE = 0.2

type Operator = {
  /** Looks at an integration once. */
  look(integration: Integration): Promise<void>
  /** The skips that were answered with 200. */
  skips(): number
}

export function createOperator({ client, chance, findings }: IntegrationServices): Operator {
  let skips = 0
  return {
    skips: () => skips,
    async look({ id, ledger }) {
      const failing = ledger.failing()
      if (failing && chance.happens(SKIPPED_SHARE)) {
        const { serial, position } = failing
        ledger.skipAsked(serial)
        const skip = { position, reason: 'It holds up the stream.' }
        const { status, body } = await client.configure('POST', `/${id}/_skip`, skip)
        if (status === 200) skips++
        // Taken meanwhile, skipped by the first of two requests, or there is no room.
        else if (![400, 409].includes(status)) {
          findings.broke('not skipped', `${id}: ${status} ${JSON.stringify(body)}`)
        }
      }
      if (!chance.happens(RETRIED_SHARE)) return
      await client.configure('POST', `/${id}/rejected_events/_retry`)
    },
  }
}
