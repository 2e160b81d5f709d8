// The process itself: processor, memory, start, event loop. The names are those that clients of
// Prometheus for Node use, so that common dashboards show them.

import { type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { version } from '../version.ts'
import { observed } from './metric.ts'

const one = (value: number) => [{ labels: {}, value }]

observed(
  { name: 'millrace_build_info', help: 'The version of the program; the value is 1.' },
  () => [{ labels: { version, node: process.version }, value: 1 }],
)
observed(
  { name: 'process_start_time_seconds', help: 'When the process began, in seconds since 1970.' },
  () => one(performance.timeOrigin / 1_000),
)
observed(
  {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    help: 'Processor time of the process, in seconds.',
  },
  () => {
    const { user, system } = process.cpuUsage()
    return one((user + system) / 1_000_000)
  },
)
observed({ name: 'process_resident_memory_bytes', help: 'Memory of the process, in bytes.' }, () =>
  one(process.memoryUsage.rss()),
)
observed({ name: 'nodejs_heap_size_used_bytes', help: 'JavaScript objects, in bytes.' }, () =>
  one(process.memoryUsage().heapUsed),
)
observed(
  {
    name: 'nodejs_eventloop_active_seconds_total',
    type: 'counter',
    help: 'How long the event loop was at work, in seconds.',
  },
  () => one(performance.eventLoopUtilization().active / 1_000),
)

/** It costs a timer, so it begins with the first scrape. */
let delays: IntervalHistogram | undefined
const DELAY_RESOLUTION_MS = 20

observed(
  {
    name: 'nodejs_eventloop_lag_p99_seconds',
    help: 'How late timers were since the scrape before, in seconds: the 99th percentile.',
  },
  () => one(delays ? lateSeconds(delays.percentile(99)) : 0),
)
observed(
  {
    name: 'nodejs_eventloop_lag_max_seconds',
    help: 'How late timers were since the scrape before, in seconds: the longest delay.',
  },
  () => {
    const longest = delays ? lateSeconds(delays.max) : 0
    delays ??= beginToMeasure()
    delays.reset()
    return one(longest)
  },
)

function beginToMeasure(): IntervalHistogram {
  const histogram = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
  histogram.enable()
  return histogram
}

/** Node counts the interval of its timer as a part of each delay. */
function lateSeconds(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - DELAY_RESOLUTION_MS) / 1_000
}
