// Spans of OpenTelemetry, if the operator has said where they go (docs/operate.md, "Trace").
// Otherwise there is no tracer, and its SDK, 90 ms of a start and 24 MB, is not loaded.

import type { Config } from './config.ts'
import type { Logger } from './logger.ts'
import type { Tracer } from './tracer.ts'

/** The tracer of the process; undefined without the settings for it. */
export async function openTracer(config: Config, logger: Logger): Promise<Tracer | undefined> {
  const { OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER, ...endpoints } = config
  const { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT } = endpoints
  const hasEndpoint = OTEL_EXPORTER_OTLP_ENDPOINT ?? OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
  const exporter = OTEL_TRACES_EXPORTER ?? (hasEndpoint ? 'otlp' : 'none')
  if (OTEL_SDK_DISABLED || exporter === 'none') return undefined
  try {
    const { createTracer } = await import('./tracer.ts')
    return createTracer(rootRatioOf(config), logger)
  } catch (error) {
    logger.warn({ reason: (error as Error).message }, 'no spans are made')
    return undefined
  }
}

/** How many of the traces that begin here are sampled, 0 to 1. */
function rootRatioOf({ OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG }: Config): number {
  if (sampler.endsWith('always_off')) return 0
  return sampler.endsWith('traceidratio') ? OTEL_TRACES_SAMPLER_ARG : 1
}
