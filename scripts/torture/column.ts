// Numbers by index, a million of them without a million objects: for the journal and the ledgers.

type Column = {
  get(index: number): number
  set(index: number, value: number): void
}

type Numbers = Float64Array | Int32Array | Uint8Array

/** A column that grows with writes; unwritten entries are 0. */
export function createColumn(kind: 'double' | 'integer' | 'byte'): Column {
  let numbers = make(kind, 1_024)
  return {
    get: (index) => numbers[index] ?? 0,
    set(index, value) {
      if (index >= numbers.length) {
        const larger = make(kind, Math.max(index + 1, numbers.length * 2))
        larger.set(numbers)
        numbers = larger
      }
      numbers[index] = value
    },
  }
}

function make(kind: 'double' | 'integer' | 'byte', length: number): Numbers {
  if (kind === 'double') return new Float64Array(length)
  return kind === 'integer' ? new Int32Array(length) : new Uint8Array(length)
}
