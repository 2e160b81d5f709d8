// A scrape of a process, as Prometheus reads it.

import { expect } from 'vitest'
import { type Reply, send } from '../../scripts/kit/client.ts'
import type { Service } from './service.ts'

type Series = { name: string; labels: Record<string, string>; value: number }

export type Scrape = {
  text: string
  series: Series[]
  /** The sum of the series with this name and these labels; undefined if there are none. */
  sum(name: string, labels?: Record<string, string>): number | undefined
}

/** The address of a process's monitoring, as its log says. */
export function monitorOf({ output }: Pick<Service, 'output'>): string {
  const line = /"host":"([^"]+)","port":(\d+),"msg":"serving health and metrics"/
  const [, host, port] = line.exec(output()) ?? []
  return `http://${host}:${port}`
}

/** Reads /metrics of a port that needs no token, or with this one. */
export async function scrape(url: string, token: string | null = null): Promise<Scrape> {
  const reply: Reply<string> = await send(`${url}/metrics`, { token })
  expect(reply).toMatchObject({
    status: 200,
    headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
  })
  return readScrape(reply.body)
}

/** The series of a text of metrics. */
export function readScrape(text: string): Scrape {
  const series = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(seriesOf)
  return {
    text,
    series,
    sum(name, labels = {}) {
      const found = series.filter(
        (one) =>
          one.name === name &&
          Object.entries(labels).every(([label, value]) => one.labels[label] === value),
      )
      return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0)
    },
  }
}

function seriesOf(line: string): Series {
  const [, name = '', labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)]
  return {
    name,
    labels: Object.fromEntries(pairs.map(([, label, text]) => [label, text])),
    value: Number(value),
  }
}
