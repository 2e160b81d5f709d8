// Cuts the bytes of a body into lines as they arrive. A line within one chunk is a view of it; only
// a line over several chunks is copied, once. Of a line that is too long nothing is kept.

const LF = 0x0a
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])

/** A line without its end, or `too_long`. */
export type BodyLine = Buffer | 'too_long'

type Splitter = {
  /** Adds a chunk. Take all its lines before the next one. */
  add(chunk: Buffer): void
  /** No more chunks come. Whether what is left is a last line, which has no end. */
  end(): boolean
  /** The next complete line; undefined: it needs another chunk. */
  next(): BodyLine | undefined
}

/** A splitter for lines of at most `mostBytes`. It skips a byte order mark before the first one. */
export function createSplitter(mostBytes: number): Splitter {
  let chunk: Buffer = Buffer.alloc(0)
  let at = 0
  /** The beginning of a line that goes on in the next chunk. */
  let pieces: Buffer[] = []
  let length = 0
  let isFirst = true

  return {
    add(next) {
      chunk = next
      at = 0
    },
    end() {
      if (length === 0) return false
      chunk = Buffer.from([LF])
      at = 0
      return true
    },
    next() {
      const end = chunk.indexOf(LF, at)
      const piece = chunk.subarray(at, end === -1 ? chunk.length : end)
      at = end === -1 ? chunk.length : end + 1
      length += piece.length
      if (end === -1) {
        if (length > mostBytes) pieces = []
        else if (piece.length > 0) pieces.push(piece)
        return undefined
      }
      return finish(piece)
    },
  }

  function finish(piece: Buffer): BodyLine {
    const isTooLong = length > mostBytes
    const line = isTooLong || pieces.length === 0 ? piece : Buffer.concat([...pieces, piece])
    pieces = []
    length = 0
    const skipped = isFirst && line.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0
    isFirst = false
    return isTooLong ? 'too_long' : line.subarray(skipped)
  }
}
