// Metrics and their text, as Prometheus reads it.

import { expect, it } from 'vitest'
import { counter, gauge, histogram, metricsText, observed } from '../../src/metrics/metric.ts'

/** The lines of the metrics whose names begin so, without their help. */
const linesOf = (name: string) =>
  metricsText()
    .split('\n')
    .filter((line) => line.startsWith(name))

it('counts by label, and declared values begin at zero', () => {
  const tries = counter('a_tries_total', 'Tries.', { kind: ['sqs', 's3'], outcome: ['good'] })
  tries.add(2, 's3', 'good')
  tries.add(1, 's3', 'bad')
  tries.add(3, 's3', 'good')
  expect(linesOf('a_tries_total')).toEqual([
    'a_tries_total{kind="sqs",outcome="good"} 0',
    'a_tries_total{kind="s3",outcome="good"} 5',
    'a_tries_total{kind="s3",outcome="bad"} 1',
  ])
  expect(metricsText()).toContain('# HELP a_tries_total Tries.\n# TYPE a_tries_total counter\n')
})

it('has a gauge without labels from the start, and one with unknown values later', () => {
  const size = gauge('a_size', 'A size.')
  const sizes = gauge('some_sizes', 'Sizes.', { pool: [] })
  expect([...linesOf('a_size'), ...linesOf('some_sizes')]).toEqual(['a_size 0'])
  size.add(3)
  size.add(-1)
  sizes.set(0.5, 'reads')
  expect([...linesOf('a_size'), ...linesOf('some_sizes')]).toEqual([
    'a_size 2',
    'some_sizes{pool="reads"} 0.5',
  ])
})

it('puts a value into the first bucket that it fits, and counts upwards', () => {
  const seconds = histogram('some_seconds', 'Seconds.', [1, 5])
  for (const value of [1, 2, 5, 7]) seconds.observe(value)
  expect(linesOf('some_seconds')).toEqual([
    'some_seconds_bucket{le="1"} 1',
    'some_seconds_bucket{le="5"} 3',
    'some_seconds_bucket{le="+Inf"} 4',
    'some_seconds_sum 15',
    'some_seconds_count 4',
  ])
})

it('reads an observed value for each text, and escapes labels', () => {
  let value = 1
  observed({ name: 'an_age', help: 'An age.' }, () => [
    { labels: { tenant: 'a"b\\c\nd' }, value: value++ },
    { labels: {}, value: Infinity },
  ])
  expect(linesOf('an_age')).toEqual(['an_age{tenant="a\\"b\\\\c\\nd"} 1', 'an_age +Inf'])
  expect(linesOf('an_age')[0]).toMatch(/ 2$/)
})

it('refuses a second metric with a name', () => {
  expect(() => gauge('a_size', 'Another.')).toThrow('There are two metrics a_size.')
})
