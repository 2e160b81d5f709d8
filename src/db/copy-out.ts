// COPY … TO STDOUT in binary form: rows as bytes. node-postgres would make a string of every field,
// at twice the cost, and its garbage made a process 200 MiB larger (files of 50 MiB). Layout: COPY
// in PostgreSQL's manual.

import pg from 'pg'

/** The signature, the flags, and the length of the header extension, which no server uses. */
const HEADER_BYTES = 19

type Callback = (error: Error | null) => void
type CopyData = { chunk: Buffer }

/**
 * Runs `copy (query) to stdout` and passes the fields of each row to `onRow`. They are views of a
 * buffer that is reused: copy what you need before `onRow` returns. `query` must contain its
 * values.
 */
export function copyOut(
  pool: pg.Pool,
  query: string,
  onRow: (fields: (Buffer | null)[]) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const callback: Callback = (error) => (error ? reject(error) : resolve())
    const copy = new CopyOut(`copy (${query}) to stdout (format binary)`, onRow)
    void pool.query(copy as unknown as pg.QueryConfig, callback as () => void)
  })
}

/** A value as an SQL literal. */
export function literal(value: string | number | string[]): string {
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return pg.escapeLiteral(value)
  return `array[${value.map((item) => pg.escapeLiteral(item)).join()}]::text[]`
}

/** The query object that a client of node-postgres drives. */
class CopyOut {
  readonly #text: string
  readonly #onRow: (fields: (Buffer | null)[]) => void
  #isFirst = true
  #error: Error | null = null
  /** Set by the client. */
  callback: Callback | undefined

  constructor(text: string, onRow: (fields: (Buffer | null)[]) => void) {
    this.#text = text
    this.#onRow = onRow
  }

  submit(connection: { query(text: string): void }): void {
    connection.query(this.#text)
  }

  /** By the protocol each message is one row; the first one begins with the header. */
  handleCopyData({ chunk }: CopyData): void {
    if (this.#error) return
    let offset = this.#isFirst ? HEADER_BYTES : 0
    this.#isFirst = false
    try {
      while (offset < chunk.length) {
        const count = chunk.readInt16BE(offset)
        offset += 2
        if (count === -1) return
        const fields: (Buffer | null)[] = []
        for (let i = 0; i < count; i++) {
          const length = chunk.readInt32BE(offset)
          offset += 4
          fields.push(length === -1 ? null : chunk.subarray(offset, offset + length))
          offset += Math.max(0, length)
        }
        this.#onRow(fields)
      }
    } catch (error) {
      this.#error = error as Error
    }
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.callback?.(this.#error)
  }

  handleError(error: Error): void {
    this.callback?.(error)
  }
}
