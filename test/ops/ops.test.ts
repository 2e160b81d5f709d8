// The alert rules and the dashboard of ops/: Prometheus's own tool accepts and tests them, every
// metric in them is one of a real process, and a broken integration of a real service fires its
// alert. Debian's prometheus has the tool, and CI installs it.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { publish, register } from '../../scripts/kit/client.ts'
import { status } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { tellNotRun } from '../helpers/not-run.ts'
import { monitorOf, type Scrape, scrape } from '../helpers/scrape.ts'
import { useReceiver, useService } from '../helpers/service.ts'

const root = path.resolve(import.meta.dirname, '../..')
const rulesFile = path.join(root, 'ops/alerts.yml')
const read = (file: string) => readFileSync(path.join(root, file), 'utf8')
const hasPromtool = spawnSync('promtool', ['--version']).status === 0
if (!hasPromtool) tellNotRun('promtool is not installed: alert rules are not tested')

type Rule = { alert: string; expr: string; annotations: { summary: string; action: string } }
const rules = (parse(read('ops/alerts.yml')).groups as { rules: Rule[] }[]).flatMap(
  (group) => group.rules,
)
type Panel = { title: string; targets?: { expr: string }[] }
const dashboard = JSON.parse(read('ops/grafana-dashboard.json')) as { panels: Panel[] }
const shown = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
/** Grafana fills in these. */
const filledIn = (expr: string) =>
  expr.replaceAll('$__rate_interval', '5m').replaceAll('$job', '.*')

const database = useDatabase()
const receiver = useReceiver(status(500))
const service = useService('start', database, () => ({
  MILLRACE_MONITOR_PORT: '0',
  MILLRACE_RETRY_BASE_MS: '60000',
}))
let scraped: Scrape
beforeAll(async () => {
  await register(service.url, 'erp', receiver.url)
  await publish(service.url, { key: 'first', payload: '{}' })
  scraped = await until('a scrape says that the integration fails', async () => {
    const found = await scrape(monitorOf(service))
    return found.sum('millrace_stream_state', { consumer: 'erp', state: 'failing' }) === 1 && found
  })
})

/** Runs promtool on files of these contents; what it printed. */
function promtool(args: string[], files: Record<string, object | string>, input = '') {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-ops-'))
  for (const [name, content] of Object.entries(files)) {
    const text = typeof content === 'string' ? content : stringify(content)
    writeFileSync(path.join(directory, name), text)
  }
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: directory, input })
  rmSync(directory, { recursive: true })
  return { status, text: `${stdout}${stderr}` }
}
const good = { status: 0 }

describe('names', () => {
  const metric = /\b(?:millrace|process|nodejs)_[a-z0-9_]+\b/g

  it.each([
    ['alert rules', rules.map(({ expr }) => expr)],
    ['the dashboard', shown],
  ])('of metrics in %s are those of a process', (_, exprs) => {
    const named = new Set(exprs.flatMap((expr) => expr.match(metric) ?? []))
    expect(named.size).toBeGreaterThan(10)
    expect([...named].filter((name) => scraped.sum(name) === undefined)).toEqual([])
  })
  it('of every metric, and of no other, are in the manual', () => {
    const families = [...scraped.text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    )
    const page = read('docs/metrics.md')
    const rows = [...page.matchAll(/^\| `(\w+)` \| (counter|gauge|histogram) \|/gm)]
    expect(rows.map(([, name, type]) => `${name} ${type}`).sort()).toEqual(families.sort())
  })
  it('of every alert are in the manual, and each says what to do', () => {
    const page = read('docs/metrics.md')
    expect(rules.filter(({ alert }) => !page.includes(`\`${alert}\``))).toEqual([])
    expect(rules.filter(({ annotations }) => !annotations.action.endsWith('.'))).toEqual([])
  })
  it('of labels: each series of a process has its own', () => {
    const series = linesOf(scraped).map((line) => line.replace(/ \S+$/, ''))
    expect(new Set(series).size).toBe(series.length)
  })
})

describe.runIf(hasPromtool)('promtool', () => {
  it('finds nothing to say of a scrape', () => {
    expect(promtool(['check', 'metrics'], {}, scraped.text)).toEqual({ status: 0, text: '' })
  })
  it('accepts the rules, and each fires when it should', () => {
    expect(promtool(['check', 'rules', rulesFile], {})).toMatchObject(good)
    expect(promtool(['test', 'rules', path.join(root, 'test/ops/alerts.yml')], {})).toMatchObject(
      good,
    )
    const tested = read('test/ops/alerts.yml')
    expect(rules.filter(({ alert }) => !tested.includes(`alertname: ${alert}`))).toEqual([])
  })
  it('can evaluate what the dashboard shows', () => {
    const group = { name: 'shown', rules: shown.map(filledIn).map(recordOf) }
    expect(
      promtool(['check', 'rules', 'shown.yml'], { 'shown.yml': { groups: [group] } }),
    ).toMatchObject(good)
  })
  it('fires the alert of a broken integration in the first scrape that has it', () => {
    const test = {
      interval: '15s',
      input_series: linesOf(scraped).map((line) => {
        const [, series, value] = /^(.*) (\S+)$/.exec(line) ?? []
        return { series, values: value }
      }),
      alert_rule_test: [
        { alertname: 'MillraceStreamFailing', exp_alerts: [failingAlert] },
        { alertname: 'MillraceStreamGivenUp' },
        { alertname: 'MillraceNoWorker' },
        { alertname: 'MillraceDatabaseDown' },
      ].map((one) => ({ ...one, eval_time: '0s' })),
    }
    const files = { 'test.yml': { rule_files: [rulesFile], tests: [test] } }
    expect(promtool(['test', 'rules', 'test.yml'], files)).toMatchObject(good)
  })
})

const failingAlert = {
  exp_labels: { severity: 'warning', tenant: 'dodici', kind: 'integration', consumer: 'erp' },
  exp_annotations: {
    summary: 'erp of dodici gets no events: its last try failed.',
    action:
      'millrace integrations show erp says why. After its last retry, about 20 minutes, it stops.',
  },
}

const recordOf = (expr: string, index: number) => ({ record: `shown_${index}`, expr })
const linesOf = ({ text }: Scrape) =>
  text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
