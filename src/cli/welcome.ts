// The text that `millrace start` prints once it is ready: two commands that show a first event.

import path from 'node:path'

const DEFAULT_URL = 'http://127.0.0.1:8080'

/**
 * The commands as text. `here` is the directory in which the user will paste them. Nothing names
 * the token: the commands find it in `dataDir`, or in the environment.
 */
export function welcome(options: { url: string; dataDir: string; here: string }): string {
  const { url, here } = options
  const dataDir = path.relative(here, path.resolve(here, options.dataDir))
  const setting = dataDir === '.millrace' ? '' : `MILLRACE_DATA_DIR=${quoted(dataDir)} `
  const millrace = `${setting}npm run --silent millrace --`
  const access = `--tenant dodici${url === DEFAULT_URL ? '' : ` --url ${url}`}`
  const sample = path.join(import.meta.dirname, '../../scripts/sample/order.created.json')
  const event =
    '--name order.created --entity-id 04d02325-f4ea-4a7b-bfeb-2ff74a0e1a0d ' +
    '--team team-orders --service shop'
  return `
Two commands to paste into two other terminals, in this directory. The first one prints events as
webhooks get them; with --forward http://127.0.0.1:3000 it sends them to your own server.

${millrace} listen --forward ${access}

${millrace} publish ${quoted(path.relative(here, sample))} ${event} ${access}
`
}

const quoted = (text: string) =>
  /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
