// A receiver of spans: OTLP over HTTP with protobuf. It reads the few fields that tests look at
// (opentelemetry/proto/trace/v1/trace.proto).

import { createBodyServer, listen } from '../../scripts/kit/listen.ts'

export type ReceivedSpan = {
  service: string
  name: string
  kind: 'server' | 'client' | undefined
  traceId: string
  spanId: string
  parentId: string
  attributes: Record<string, string | number | undefined>
  /** The ids of the spans that it links to. */
  links: string[]
  hasFailed: boolean
}

type SpanReceiver = { url: string; spans: ReceivedSpan[]; close(): void }

export async function startSpanReceiver(): Promise<SpanReceiver> {
  const spans: ReceivedSpan[] = []
  const server = createBodyServer(({ url }, body, response) => {
    if (url === '/v1/traces') spans.push(...spansOf(body))
    response.setHeader('content-type', 'application/x-protobuf').end()
  })
  return {
    url: `http://127.0.0.1:${await listen(server)}`,
    spans,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

type Field = { number: number; value: number; bytes: Buffer }

/** The fields of a message: of a number its value, of anything else its bytes. */
function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = []
  let at = 0
  while (at < message.length) {
    const key = varint()
    const number = key >> 3
    const wire = key & 7
    const value = wire === 0 ? varint() : 0
    const lengths: Record<number, () => number> = { 1: () => 8, 2: varint, 5: () => 4 }
    const length = lengths[wire]?.() ?? 0
    fields.push({ number, value, bytes: message.subarray(at, at + length) })
    at += length
  }
  return fields

  function varint(): number {
    let result = 0
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++] as number
      result += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return result
    }
  }
}

const all = (message: Buffer, number: number) =>
  fieldsOf(message).filter((field) => field.number === number)
const bytesOf = (message: Buffer, number: number) =>
  all(message, number)[0]?.bytes ?? Buffer.alloc(0)
const hexOf = (message: Buffer, number: number) => bytesOf(message, number).toString('hex')

function spansOf(request: Buffer): ReceivedSpan[] {
  return all(request, 1).flatMap(({ bytes: resource }) => {
    const { 'service.name': service } = attributesOf(bytesOf(resource, 1), 1)
    return all(resource, 2)
      .flatMap(({ bytes: scope }) => all(scope, 2))
      .map(({ bytes: span }) => ({
        service: String(service),
        name: bytesOf(span, 5).toString(),
        kind: ({ 2: 'server', 3: 'client' } as const)[all(span, 6)[0]?.value as 2 | 3],
        traceId: hexOf(span, 1),
        spanId: hexOf(span, 2),
        parentId: hexOf(span, 4),
        attributes: attributesOf(span, 9),
        links: all(span, 13).map(({ bytes: link }) => hexOf(link, 2)),
        hasFailed: all(bytesOf(span, 15), 3)[0]?.value === 2,
      }))
  })
}

/** The texts and whole numbers among attributes. */
function attributesOf(message: Buffer, number: number): ReceivedSpan['attributes'] {
  return Object.fromEntries(
    all(message, number).map(({ bytes: attribute }) => {
      const value = bytesOf(attribute, 2)
      const text = all(value, 1)[0]?.bytes.toString()
      return [bytesOf(attribute, 1).toString(), text ?? all(value, 3)[0]?.value]
    }),
  )
}
