// The chart of Kubernetes as Helm renders it (.ci/chart). No cluster is here: what is shown is that
// the manifests are valid, fit each other, and start the program.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { temporary } from '../../scripts/kit/cluster.ts'
import { startProgram } from '../../scripts/kit/program.ts'
import { limits } from '../../src/config.ts'
import { blocksOf } from '../docs/blocks.ts'
import { useDatabase } from '../helpers/database.ts'
import { freePort } from '../helpers/free-port.ts'
import { tellNotRun } from '../helpers/not-run.ts'
import { settingsOf } from './postgres-settings.ts'

const PYTHON = '.ci/chart/venv/bin/python'
const CHART = 'charts/millrace'

type Labels = Record<string, string>
type Probe = { httpGet: { path: string; port: string } }
type Container = {
  name: string
  image: string
  command: string[]
  env: { name: string; value?: string }[]
  ports?: { name: string; containerPort: number }[]
  readinessProbe: Probe
  livenessProbe: Probe
  lifecycle: { preStop: { sleep: { seconds: number } } }
  securityContext: object
  volumeMounts: { name: string; mountPath: string }[]
}
type Pod = {
  terminationGracePeriodSeconds: number
  securityContext: object
  containers: [Container]
  volumes: { name: string; secret?: { secretName: string } }[]
}
type Manifest = {
  kind: string
  metadata: { name: string; annotations?: Labels }
  data?: Record<string, string>
  spec: {
    selector?: Labels & { matchLabels?: Labels }
    podSelector?: { matchLabels: Labels }
    template?: { metadata: { labels: Labels }; spec: Pod }
    postgresql?: { parameters: Record<string, string> }
  }
}
/** `refused`: the fault of the values, alone. */
type Rendered = { refused?: string; lint: string[]; manifests: Manifest[]; faults: string[] }

/** Values, each with what is rendered of them. */
const CASES = {
  defaults: {},
  everything: {
    imagePullSecrets: [{ name: 'registry' }],
    settings: {
      MILLRACE_RETENTION_DAYS: '14',
      MILLRACE_OIDC_ISSUER: 'https://id.example.com',
      MILLRACE_OIDC_CLIENT_ID: 'millrace',
    },
    secretSettings: { MILLRACE_JWT_SECRET: 'jwt-secret' },
    serviceAccountName: 'millrace',
    nodeSelector: { disk: 'ssd' },
    tolerations: [{ key: 'events', operator: 'Exists' }],
    affinity: { nodeAffinity: {} },
    podAnnotations: { team: 'orders' },
    service: { annotations: { team: 'orders' } },
    ingress: {
      enabled: true,
      className: 'nginx',
      annotations: { 'nginx.ingress.kubernetes.io/proxy-buffering': 'off' },
      host: 'events.example.com',
      tlsSecret: 'events-tls',
    },
    monitoring: {
      podMonitor: true,
      rules: true,
      dashboard: true,
      labels: { release: 'prometheus' },
    },
    networkPolicy: {
      enabled: true,
      apiFrom: [{ namespaceSelector: {} }],
      monitorFrom: [{ podSelector: { matchLabels: { app: 'prometheus' } } }],
    },
  },
  cluster: {
    cnpg: { enabled: true, imageName: 'postgresql:18', storage: { storageClass: 'ssd' } },
  },
}
/** Of the manual. */
const EXAMPLES = blocksOf(readFileSync('docs/operate.md', 'utf8')).flatMap(({ language, text }) =>
  language === 'yaml' ? [parse(text) as object] : [],
)
const REFUSED = [
  { replicas: 3 },
  { serve: { replicas: '3' } },
  { settings: { MILLRACE_MONITOR_PORT: '9000' } },
  { settings: { MILLRACE_ADMIN_TOKEN_FILE: '/token' } },
  { settings: { MILLRACE_RETENTION_DAYS: 14 } },
  { ingress: { enabled: true, host: 'events.example.com' } },
]

/** The kinds of operators, and the definitions that .ci/run fetches. */
const OPERATORS = {
  Cluster: 'postgresql.cnpg.io_clusters',
  PodMonitor: 'monitoring.coreos.com_podmonitors',
  PrometheusRule: 'monitoring.coreos.com_prometheusrules',
}

const isThere = existsSync(PYTHON)
if (!isThere) tellNotRun(`The chart: not rendered, there is no ${PYTHON}; see .ci/run`)
const undefinedKinds = Object.entries(OPERATORS).flatMap(([kind, file]) =>
  existsSync(`.ci/chart/crds/${file}.yaml`) ? [] : [kind],
)
if (isThere && undefinedKinds.length > 0) {
  tellNotRun(`The chart: ${undefinedKinds} not checked, .ci/run could not fetch their definitions`)
}

function render(values: object[]): Rendered[] {
  const { stdout, stderr, status } = spawnSync(PYTHON, ['.ci/chart/render.py', CHART], {
    input: JSON.stringify(values),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}

const rendered: Rendered[] = isThere ? render(Object.values(CASES)) : []
const cases = Object.keys(CASES).map((name, at) => ({ name, ...(rendered[at] as Rendered) }))
const podsOf = (manifests: Manifest[]) => manifests.flatMap(({ spec }) => spec?.template ?? [])
const containersOf = (manifests: Manifest[]) =>
  podsOf(manifests).map(({ spec }) => spec.containers[0])
const ofKind = (manifests: Manifest[], kind: string) =>
  manifests.filter((manifest) => manifest.kind === kind)

describe.runIf(isThere).each(cases)('the chart with $name', ({ name, lint, manifests, faults }) => {
  const pods = podsOf(manifests)
  const containers = containersOf(manifests)

  it('is rendered to valid manifests', () => {
    expect(lint).toEqual(['icon is recommended'])
    const unchecked = undefinedKinds.map((kind) => `${kind} has no schema`)
    expect(faults.filter((fault) => !unchecked.includes(fault))).toEqual([])
  })
  it('runs the commands of this version, with settings that there are', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
    for (const { image } of containers) expect(image).toBe(`millrace:${version}`)
    expect(containers.map(({ command }) => command.join(' ')).sort()).toEqual(
      ['migrate', 'serve', 'work'].map((command) => `node src/main.js ${command}`),
    )
  })
  it('reads secrets, and holds none: those of the owner only in the migration', () => {
    expect(ofKind(manifests, 'Secret')).toEqual([])
    for (const { spec } of pods) {
      const [{ command, env, volumeMounts }] = spec.containers
      const folders = volumeMounts.map(({ mountPath }) => mountPath)
      const files = env.flatMap(({ name: key, value = '' }) => (key.endsWith('_FILE') ? value : []))
      expect(files.filter((file) => !folders.includes(path.dirname(file)))).toEqual([])
      expect(volumeMounts.map((mount) => mount.name).sort()).toEqual(
        spec.volumes.map((volume) => volume.name).sort(),
      )
      const secrets = JSON.stringify(spec).match(/millrace-(owner|postgres-app)"/g) ?? []
      expect(secrets.length > 0).toBe(command.includes('migrate'))
    }
  })
  it('gives no process a right that it does not need', () => {
    for (const { spec } of pods) {
      expect(spec.securityContext).toMatchObject({ runAsNonRoot: true })
      expect(spec.containers[0].securityContext).toEqual({
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
      })
    }
  })
  it('waits for a process that stops', () => {
    for (const { spec } of pods.filter((pod) => pod.spec.containers[0].lifecycle)) {
      const { seconds } = spec.containers[0].lifecycle.preStop.sleep
      expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(seconds + limits.exitMs / 1000)
    }
  })
  it('selects pods that there are', () => {
    const selectors = manifests.flatMap(({ spec }): Labels[] => {
      const { selector, podSelector } = spec ?? {}
      const found = podSelector?.matchLabels ?? selector?.matchLabels ?? selector
      return found ? [found as Labels] : []
    })
    expect(selectors.length).toBeGreaterThan(4)
    for (const selector of selectors) {
      const labels = pods.map(({ metadata }) => metadata.labels)
      expect(labels).toContainEqual(expect.objectContaining(selector))
    }
  })
  it('migrates before the pods start, unless the database comes with the release', () => {
    const [job] = ofKind(manifests, 'Job')
    const hook = job?.metadata.annotations?.['helm.sh/hook']
    expect(hook).toBe(name === 'cluster' ? undefined : 'pre-install,pre-upgrade')
    expect(job?.metadata.name).toBe(`millrace-migrate${name === 'cluster' ? '-1' : ''}`)
  })
})

describe.runIf(isThere)('the chart', () => {
  it('takes the values of the manual', () => {
    expect(EXAMPLES.length).toBe(2)
    const shown = render(EXAMPLES)
    expect(shown.map(({ refused }) => refused)).toEqual([undefined, undefined])
    const kinds = shown.map(({ manifests }) => manifests.map(({ kind }) => kind))
    expect(kinds).toEqual([
      expect.arrayContaining(['Deployment', 'Job', 'Ingress']),
      expect.arrayContaining(['Deployment', 'Job', 'Cluster']),
    ])
  })
  it.each(REFUSED.map((values) => [JSON.stringify(values), values]))('refuses %s', (_, values) => {
    expect(render([values as object])).toEqual([{ refused: expect.stringContaining('millrace') }])
  })
  it.skipIf(undefinedKinds.includes('PodMonitor'))('has a fault that its operator finds', () => {
    const [wrong] = render([{ monitoring: { podMonitor: true, interval: 'often' } }])
    expect(wrong?.faults).toEqual([
      expect.stringMatching(
        /^PodMonitor: spec\.podMetricsEndpoints\.0\.interval: 'often' does not/,
      ),
    ])
  })
  it('has the alert rules and the dashboard of ops/', () => {
    const { manifests = [] } = cases.find(({ name }) => name === 'everything') ?? {}
    const [rule] = ofKind(manifests, 'PrometheusRule')
    expect(rule?.spec).toEqual(parse(readFileSync('ops/alerts.yml', 'utf8')))
    const [shown] = ofKind(manifests, 'ConfigMap')
    const dashboard = JSON.parse(readFileSync('ops/grafana-dashboard.json', 'utf8'))
    expect(JSON.parse(shown?.data?.['millrace.json'] ?? '')).toEqual(dashboard)
  })
  it('makes a cluster with the roles, and with settings that Postgres takes', async () => {
    const { manifests = [] } = cases.find(({ name }) => name === 'cluster') ?? {}
    const roles = ofKind(manifests, 'ConfigMap').map(({ data }) => data?.['roles.sql']?.trimEnd())
    expect(roles).toEqual([readFileSync('sql/roles.sql', 'utf8').trimEnd()])
    const [cluster] = ofKind(manifests, 'Cluster')
    const parameters = Object.entries(cluster?.spec.postgresql?.parameters ?? {})
    expect(parameters.length).toBeGreaterThan(5)
    const settings = await settingsOf(parameters.map(([key, value]) => `--${key}=${value}`))
    for (const [key, value] of parameters) expect(settings.get(key)?.value).toBe(value)
  })
})

describe.runIf(isThere)('as the chart starts them', () => {
  const database = useDatabase()

  it.each(['serve', 'work'])('%s is ready where its probes ask', async (command) => {
    const { manifests = [] } = cases.find(({ name }) => name === 'everything') ?? {}
    const container = containersOf(manifests).find(({ name }) => name === command) as Container
    const directory = temporary()
    const secrets: Labels = {
      'service-url': database.url,
      'admin-token': 'the token of the chart',
      'secret-key': 'ab'.repeat(32),
      'jwt-secret': 'cd'.repeat(32),
    }
    mkdirSync(path.join(directory, 'service'))
    for (const [file, text] of Object.entries(secrets)) {
      writeFileSync(path.join(directory, 'service', file), text.replaceAll(' ', '-'))
    }
    const ports: Record<string, number> = { http: await freePort(), monitor: await freePort() }
    const given = container.env.map(({ name, value = '' }) => [
      name,
      value.replace('/run/secrets', directory),
    ])
    const program = startProgram([command], {
      ...Object.fromEntries(given),
      PORT: String(ports['http']),
      MILLRACE_MONITOR_PORT: String(ports['monitor']),
    })
    await program.ready()
    for (const { httpGet } of [container.readinessProbe, container.livenessProbe]) {
      const answer = await fetch(`http://127.0.0.1:${ports[httpGet.port]}${httpGet.path}`)
      expect(answer.status).toBe(200)
    }
    const metrics = await fetch(`http://127.0.0.1:${ports['monitor']}/metrics`)
    expect(metrics.status).toBe(200)
    program.process.kill('SIGTERM')
    expect(await program.ended).toMatchObject({ status: 0 })
    rmSync(directory, { recursive: true })
  })
})
