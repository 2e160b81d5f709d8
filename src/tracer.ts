// The tracer, with the SDK of OpenTelemetry: opentelemetry.ts loads it, and all others import types
// alone. The SDK reads the settings of its exporter from the environment itself. Its queue is
// bounded: spans beyond 2,048 are dropped. No request waits for spans, and none fails with them.

import { setTimeout as sleep } from 'node:timers/promises'
import {
  ROOT_CONTEXT,
  type Span as SdkSpan,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { Logger } from './logger.ts'
import { version } from './version.ts'

type Attributes = Record<string, string | number>

type SpanOptions = {
  /** server: of a request to us; client: of a request of ours. */
  kind: 'server' | 'client'
  /** The traceparent to go on from, which is sampled; null: a trace of its own begins. */
  parent: string | null
  /** The traceparents of others that it is about. */
  links?: string[]
  attributes: Attributes
}

export type Span = {
  /** To go on from this span. */
  readonly traceparent: string
  /** Ends it, as failed if there is a failure: a sentence. */
  end(attributes: Attributes, failure?: string): void
}

export type Tracer = {
  /** Begins a span; undefined if its trace is not sampled. */
  start(name: string, options: SpanOptions): Span | undefined
  /** Sends what is left, for a second at most. */
  close(): Promise<void>
}

const CLOSE_MS = 1_000
/** At most this often the log says that spans do not arrive. */
const WARN_MS = 60_000
const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT }

/** A tracer that samples this part, 0 to 1, of the traces that begin here. */
export function createTracer(rootRatio: number, logger: Logger): Tracer {
  const own = { 'service.name': 'millrace', 'service.version': version }
  const provider = new TracerProvider({
    resource: resourceFromAttributes(own).merge(detectResources({ detectors: [envDetector] })),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(rootRatio) }),
    spanProcessors: [new BatchSpanProcessor({ exporter: thatWarns(logger) })],
  })
  const tracer = provider.getTracer('millrace', version)

  return {
    start(name, { kind, parent, links = [], attributes }) {
      const options = {
        kind: KINDS[kind],
        attributes,
        links: links.map((traceparent) => ({ context: contextOf(traceparent) })),
      }
      const from = parent ? trace.setSpanContext(ROOT_CONTEXT, contextOf(parent)) : ROOT_CONTEXT
      const span = tracer.startSpan(name, options, from)
      return span.isRecording() ? shownAs(span) : undefined
    },
    async close() {
      const closed = provider.shutdown().catch(() => {}) // the log has it
      await Promise.race([closed, sleep(CLOSE_MS, undefined, { ref: false })])
    },
  }
}

/** The exporter: its failures are warnings. */
function thatWarns(logger: Logger): SpanExporter {
  const exporter = new OTLPTraceExporter()
  let warnedAt = -WARN_MS
  return {
    export(spans, done) {
      exporter.export(spans, ({ error }) => {
        const now = performance.now()
        if (error && now - warnedAt >= WARN_MS) {
          warnedAt = now
          logger.warn({ reason: error.message }, 'spans do not arrive, and are dropped')
        }
        done({ code: 0 })
      })
    },
    shutdown: () => exporter.shutdown(),
  }
}

function shownAs(span: SdkSpan): Span {
  const { traceId, spanId } = span.spanContext()
  return {
    traceparent: `00-${traceId}-${spanId}-01`,
    end(attributes, failure) {
      span.setAttributes(attributes)
      if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failure })
      span.end()
    },
  }
}

/** Of a traceparent that is sampled. */
function contextOf(traceparent: string) {
  const [, traceId = '', spanId = ''] = traceparent.split('-')
  return { traceId, spanId, traceFlags: 1, isRemote: true }
}
