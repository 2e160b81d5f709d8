// The text that `millrace start` prints once it is ready: three commands that publish an event and
// show its delivery.

import path from 'node:path'

/**
 * The commands as text. `adminToken` is a shell expression for the token, never the token itself.
 * `here` is the directory in which the user will paste them.
 */
export function welcome(options: { url: string; adminToken: string; here: string }): string {
  const sample = path.join(import.meta.dirname, '../../scripts/sample/order.created.json')
  const file = path.relative(options.here, sample)
  const curl = (path: string, ...rest: string[]) =>
    [
      `curl -sS ${options.url}${path} -H "authorization: Bearer ${options.adminToken}"`,
      ...["-H 'tenant: dodici'", ...rest],
    ].join(' ')
  const integration =
    '{"id":"first-look","integration_type":"permanent",' +
    '"callback_parameters":{"callback_url":"http://127.0.0.1:9099/"}}'
  const register = curl('/api/v1/org/integrations/eventstream', `-d '${integration}'`)
  const publish = curl(
    '/events/order.created',
    "-H 'team: team-orders' -H 'service: shop'",
    "-H 'entity-id: 04d02325-f4ea-4a7b-bfeb-2ff74a0e1a0d'",
    `-H "idempotency-key: $(date +%s%N)" --data-binary @${file}`,
  )
  return `
Three commands to paste in another terminal, in this directory:

npm run --silent listen & sleep 2

${register}; echo

${publish}; echo
`
}
