// millrace login with a token that may do little, against a receiver that answers as a service.

import { expect, it } from 'vitest'
import { useReceiver } from '../helpers/service.ts'
import { commandsOn, useHome } from './running.ts'

const service = useReceiver()
const { run } = commandsOn(service, useHome())

/** Answers what needs the scope read with 403, and `GET /whoami` with `status` and `caller`. */
function answerWhoami(status: number, caller: object): void {
  service.answer = ({ url }, response) => {
    if (url === '/whoami') return response.writeHead(status).end(JSON.stringify(caller))
    response.writeHead(403).end('{"message":"This token does not have the scope read."}')
  }
}

it('says of a token that can only publish what it is for', async () => {
  answerWhoami(200, { scopes: ['publish'] })
  const { status, stderr } = await run(['login'])
  expect(status).toBe(0)
  expect(stderr).toMatch(
    /^This token can only publish: millrace publish takes it, .*\.\nLogged in to .*\n$/,
  )
})

it.each([
  [403, {}],
  [200, { scopes: ['admin'] }],
])('says what else a token lacks, if whoami answers %i %j', async (status, caller) => {
  answerWhoami(status, caller)
  const { stderr } = await run(['login'])
  expect(stderr).toMatch(/^This token does not have the scope read\. .*\nLogged in to .*\n$/)
})
