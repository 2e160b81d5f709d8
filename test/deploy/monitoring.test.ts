// The profile "monitoring" of docker-compose.yml: Prometheus itself, with the configuration of its
// container, scrapes a service and evaluates the rules. Grafana is not run: its files are read.

import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { temporary } from '../../scripts/kit/cluster.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { freePort } from '../helpers/free-port.ts'
import { tellNotRun } from '../helpers/not-run.ts'
import { startService } from '../helpers/service.ts'

const read = (file: string) => readFileSync(file, 'utf8')
const { services } = parse(read('docker-compose.yml'), { merge: true })

const isThere = spawnSync('prometheus', ['--version']).status === 0
if (!isThere) tellNotRun('Prometheus: not run, it is not installed; see .ci/run')

/** Prometheus on `port`, with the configuration of the container and other addresses. */
function startPrometheus(directory: string, { port, target }: { port: number; target: string }) {
  const file = path.join(directory, 'prometheus.yml')
  const config = read('ops/compose/prometheus.yml')
    .replace('millrace:8081', target)
    .replace('/etc/prometheus/alerts.yml', path.resolve('ops/alerts.yml'))
    .replaceAll('15s', '1s')
  writeFileSync(file, config)
  mkdirSync(path.join(directory, 'data'))
  const options = [`--config.file=${file}`, `--storage.tsdb.path=${directory}/data`]
  const address = `127.0.0.1:${port}`
  const program = spawn('prometheus', [...options, `--web.listen-address=${address}`])
  const ended = new Promise((resolve) => program.once('close', resolve))
  return {
    /** What its API answers; undefined while it does not. */
    async ask<Data>(route: string): Promise<Data | undefined> {
      const answer = await fetch(`http://${address}/api/v1/${route}`).catch(() => undefined)
      return answer?.ok ? ((await answer.json()) as { data: Data }).data : undefined
    },
    async stop() {
      program.kill('SIGTERM')
      await ended
    },
  }
}

type Found = { result: { value: [number, string] }[] }
type Rules = { groups: { rules: { name: string; health: string; lastError?: string }[] }[] }

describe.runIf(isThere)('Prometheus', () => {
  const database = useDatabase()

  it('finds the service, and evaluates each rule', async () => {
    const directory = temporary()
    const monitor = await freePort()
    const service = await startService('start', {
      DATABASE_URL: database.url,
      MILLRACE_MONITOR_PORT: String(monitor),
    })
    const target = `127.0.0.1:${monitor}`
    const prometheus = startPrometheus(directory, { port: await freePort(), target })
    const isUp = 'query?query=up%7Bjob%3D%22millrace%22%7D'
    await until('the service is scraped', async () => {
      const found = await prometheus.ask<Found>(isUp)
      return found?.result[0]?.value[1] === '1'
    })
    const rules = await until('each rule is evaluated', async () => {
      const all = (await prometheus.ask<Rules>('rules'))?.groups.flatMap((group) => group.rules)
      return all?.every(({ health }) => health !== 'unknown') && all
    })
    await prometheus.stop()
    await service.kill('SIGTERM')
    rmSync(directory, { recursive: true })
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([])
    const names = read('ops/alerts.yml').match(/^ +- alert: /gm)
    expect(rules.length).toBe(names?.length)
  })
})

it('Grafana finds Prometheus, and the dashboard where the container has it', () => {
  const [source] = parse(read('ops/compose/grafana/datasource.yml')).datasources
  expect(Object.keys(services)).toContain(new URL(source.url).hostname)
  const [provider] = parse(read('ops/compose/grafana/dashboards.yml')).providers
  const { volumes } = services.grafana
  const mounted = `./ops/grafana-dashboard.json:${provider.options.path}/millrace.json:ro`
  expect(volumes).toContain(mounted)
})
