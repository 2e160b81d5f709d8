// The torture's own session with the database: one statement at a time. It reconnects after an
// outage, to the current primary.

import pg from 'pg'

export type Session = {
  /** One statement; undefined if the server is unreachable. */
  ask<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[] | undefined>
  close(): Promise<void>
}

/**
 * A session with the server at the URL that `urlOf` returns when it connects. Bigints are numbers.
 */
export function createSession(urlOf: () => string): Session {
  let client: pg.Client | undefined
  const types = { getTypeParser: parserOf } as unknown as pg.CustomTypesConfig
  const connect = async () => {
    const fresh = new pg.Client({
      connectionString: urlOf(),
      application_name: 'torture',
      query_timeout: 300_000,
      types,
    })
    fresh.on('error', () => {
      if (client === fresh) client = undefined
    })
    await fresh.connect()
    client = fresh
    return fresh
  }
  return {
    async ask<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []) {
      try {
        return (await (client ?? (await connect())).query<Row>(text, values)).rows
      } catch (error) {
        // A wrong statement is our own mistake and must be seen.
        if (/^(42|22|23)/.test((error as { code?: string }).code ?? '')) throw error
        const broken = client
        client = undefined
        await broken?.end().catch(() => {})
        return undefined
      }
    },
    async close() {
      await client?.end().catch(() => {})
    },
  }
}

function parserOf(oid: number, format?: 'text' | 'binary') {
  if (oid === pg.types.builtins.INT8) return Number
  if (oid === 1016)
    return (text: string) => text.slice(1, -1).split(',').filter(Boolean).map(Number)
  if (oid === pg.types.builtins.JSON) return (text: string) => text
  return pg.types.getTypeParser(oid, format as 'text')
}
