// A case as text, small enough to be pasted.

import type { Broken } from './broken.ts'
import type { Request } from './message.ts'
import type { Answer } from './wire.ts'

/** Of a text that a case shows. */
const SHOWN = 1_500

const cut = (text: string) => (text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text)
const quoted = (bytes: Buffer) => cut(JSON.stringify(bytes.toString('latin1')))

/** A request and its answer, with long parts cut. */
export function describeCase(request: Request, answer: Answer | undefined): string {
  const { serial, operation, caller, what, method, target, headers, body } = request
  return [
    `  request ${serial}: ${operation.id}, ${caller.kind}, ${what || 'valid'}`,
    `  ${method} ${cut(target)}`,
    ...headers.map(([name, value]) => `  ${name}: ${cut(JSON.stringify(value))}`),
    `  ${body ? quoted(body) : 'no body'}`,
    `  → ${answer ? lineOf(answer) : 'nothing'}`,
  ].join('\n')
}

/** An exchange over a raw socket. */
export function describeBroken({ what, pieces }: Broken, answers: Answer[]): string {
  const sent = pieces.map((piece) => `  ${quoted(piece)}`)
  return [what, ...sent, ...answers.map((answer) => `  → ${lineOf(answer)}`)].join('\n')
}

function lineOf({ status, ms, body }: Answer): string {
  return `${status} in ${Math.round(ms)} ms ${cut(body.toString())}`
}
