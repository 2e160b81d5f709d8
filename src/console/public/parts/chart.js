// A line over time. uPlot draws it, and is loaded with the first one; a reader of the screen gets
// the last and the highest value.

import { useEffect, useRef } from 'preact/hooks'
import { html } from '../app/html.js'
import { formatClock, formatNumber, t } from '../app/text.js'

const HEIGHT = 140

/**
 * `values` are `step` seconds apart, and the last one is now; at most `count` of them.
 * @param {{ title: string, values: (number | null)[], count: number, step?: number }} props
 */
export function Chart({ title, values, count, step = 1 }) {
  const element = useRef(/** @type {HTMLElement | null} */ (null))
  const plot = useRef(/** @type {import('uplot') | null} */ (null))
  const data = dataOf(values, count, step)
  const latest = useRef(data)
  latest.current = data
  useEffect(() => {
    const stop = new AbortController()
    void draw(element, plot, latest, stop.signal)
    return () => {
      stop.abort()
      plot.current?.destroy()
      plot.current = null
    }
  }, [])
  useEffect(() => plot.current?.setData(latest.current))
  const known = values.filter((value) => value !== null)
  const highest = known.length > 0 ? Math.max(...known) : null
  const label = t('chart.label', {
    title,
    now: formatNumber(known.at(-1)),
    highest: formatNumber(highest),
  })
  return html`<figure>
    <figcaption>${title}</figcaption>
    <div class="chart" ref=${element} role="img" aria-label=${label}></div>
  </figure>`
}

/**
 * @param {(number | null)[]} values
 * @param {number} count
 * @param {number} step
 * @returns {import('uplot').AlignedData}
 */
function dataOf(values, count, step) {
  const now = Math.floor(Date.now() / 1000)
  const padded = [...Array(Math.max(0, count - values.length)).fill(null), ...values]
  return [padded.map((_, i) => now - (padded.length - 1 - i) * step), padded]
}

/**
 * A value without neighbours is no line: it is drawn as a point.
 * @param {import('uplot')} plot
 * @param {number} series
 */
const isLone = (plot, series) => {
  const values = plot.data[series] ?? []
  return values.some((one, i) => one != null && values[i - 1] == null && values[i + 1] == null)
}

/**
 * @param {{ current: HTMLElement | null }} element
 * @param {{ current: import('uplot') | null }} plot
 * @param {{ current: import('uplot').AlignedData }} latest what it begins with
 * @param {AbortSignal} signal
 */
async function draw(element, plot, latest, signal) {
  const { default: UPlot } = await import('uplot')
  const parent = element.current
  if (signal.aborted || !parent) return
  const colour = (/** @type {string} */ name) => () =>
    getComputedStyle(parent).getPropertyValue(name)
  const axis = {
    stroke: colour('--chart-text'),
    grid: { stroke: colour('--chart-grid'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  }
  const clock = (/** @type {unknown} */ _, /** @type {number[]} */ ticks) =>
    ticks.map((second) => formatClock(second * 1_000))
  const size = () => ({ width: Math.max(200, parent.clientWidth), height: HEIGHT })
  const made = new UPlot(
    {
      ...size(),
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: (_, _low, high) => [0, Math.max(1, high ?? 1)] } },
      series: [{}, { stroke: colour('--chart-line'), width: 2, points: { show: isLone } }],
      axes: [
        { ...axis, values: clock, space: 80 },
        { ...axis, size: 44 },
      ],
    },
    latest.current,
    parent,
  )
  plot.current = made
  const observer = new ResizeObserver(() => made.setSize(size()))
  observer.observe(parent)
  const scheme = matchMedia('(prefers-color-scheme: dark)')
  const redraw = () => made.redraw()
  scheme.addEventListener('change', redraw)
  signal.addEventListener('abort', () => {
    observer.disconnect()
    scheme.removeEventListener('change', redraw)
  })
}
