// A server that accepts mails as SendGrid documents it (v3 Mail Send: API reference, limitations,
// errors): it checks the key, the required fields and the limits, and keeps accepted mails.

import type http from 'node:http'
import { startReceiver } from '../../scripts/kit/receiver.ts'
import { SENDGRID_KEY } from './known-secrets.ts'

export { SENDGRID_KEY }

type Line = { item_id: string; url: string | null; [field: string]: unknown }
export type TakenMail = {
  email: string
  template_id: string
  data: { customer_id: string; item_count: number; items: Line[]; [field: string]: unknown }
}
type Fault = { message: string; field: string | null; help?: string }
type Mail = {
  to?: { email?: unknown; name?: unknown }[]
  dynamic_template_data?: TakenMail['data']
}
type Body = { from?: { email?: unknown }; template_id?: unknown; personalizations?: Mail[] }

const ADDRESS = /^[^@\s]+@[^@\s]+\.[^@\s]+$/

export type SendGrid = {
  url: string
  key: string
  requests: number
  taken: TakenMail[]
  /** Called with each valid request, instead of accepting it; `accept` does. */
  answer: ((response: http.ServerResponse, accept: () => void) => void) | undefined
  /** Addresses whose mails are refused, and whether the answer names the mail. */
  bad: { emails: Set<string>; isNamed: boolean }
  close(): Promise<void>
}

export async function startSendGrid(): Promise<SendGrid> {
  const receiver = await startReceiver((request, response) => {
    sendgrid.requests++
    const refuse = (status: number, errors: Fault[]) =>
      response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(JSON.stringify({ errors }))
    if (request.headers.authorization !== `Bearer ${sendgrid.key}`) {
      return refuse(401, [
        {
          message: 'The provided authorization grant is invalid, expired, or revoked',
          field: null,
        },
      ])
    }
    const wrong = (status: number, message: string) => refuse(status, [{ message, field: null }])
    if (request.url !== '/v3/mail/send') return wrong(404, 'not found')
    if (request.headers['content-type'] !== 'application/json') return wrong(415, 'no JSON')
    if (request.body.length >= 30 * 1024 * 1024) return wrong(413, 'larger than 30 MB')
    const body = JSON.parse(request.body.toString()) as Body
    const faults = faultsOf(body, sendgrid.bad)
    if (faults.length > 0) return refuse(400, faults)
    const accept = () => {
      for (const { to, dynamic_template_data } of body.personalizations ?? []) {
        sendgrid.taken.push({
          email: String(to?.[0]?.email),
          template_id: String(body.template_id),
          data: dynamic_template_data as TakenMail['data'],
        })
      }
    }
    if (sendgrid.answer) return sendgrid.answer(response, accept)
    accept()
    return response.writeHead(202).end()
  })
  const sendgrid: SendGrid = {
    url: receiver.url.replace(/\/$/, ''),
    key: SENDGRID_KEY,
    requests: 0,
    taken: [],
    answer: undefined,
    bad: { emails: new Set(), isNamed: true },
    close: receiver.close,
  }
  return sendgrid
}

/** The settings of a service whose operator has it as the sender. */
export const senderSettings = ({ url }: SendGrid) => ({
  MILLRACE_SENDGRID_API_KEY: SENDGRID_KEY,
  MILLRACE_SENDGRID_URL: url,
  MILLRACE_SENDGRID_FROM: 'shop@example.com',
})

function faultsOf(body: Body, bad: SendGrid['bad']): Fault[] {
  const faults: Fault[] = []
  const fault = (field: string, message: string) => faults.push({ field, message })
  const { from, template_id, personalizations = [] } = body
  if (!ADDRESS.test(String(from?.email))) fault('from.email', 'The from email is not valid.')
  if (typeof template_id !== 'string' || template_id === '') {
    fault('template_id', 'The template_id must be a valid template ID.')
  }
  if (personalizations.length === 0) fault('personalizations', 'At least one is required.')
  if (personalizations.length > 1_000) {
    fault('personalizations', 'The personalization block is limited to 1000.')
  }
  const addresses = new Set<string>()
  personalizations.forEach(({ to = [], dynamic_template_data: data }, index) => {
    const email = String(to[0]?.email)
    const field = bad.isNamed ? `personalizations.${index}.to.0.email` : 'personalizations'
    if (to.length !== 1) fault(`personalizations.${index}.to`, 'The to parameter is required.')
    if (!ADDRESS.test(email) || bad.emails.has(email)) {
      fault(field, 'Does not contain a valid address.')
    }
    if (/[;,]/.test(String(to[0]?.name))) fault(`personalizations.${index}.to.0.name`, '; or ,')
    if (addresses.has(email.toLowerCase())) fault(field, 'An address may be there only once.')
    addresses.add(email.toLowerCase())
    if (typeof data !== 'object')
      fault(`personalizations.${index}.dynamic_template_data`, 'Object.')
  })
  return faults
}
