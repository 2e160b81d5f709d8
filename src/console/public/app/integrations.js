// Integrations as the service shows them.

import { ask } from './api.js'

/**
 * `passed_over`: how many events its filter has passed over, if it has taken none.
 * @typedef {{ state: 'ok' | 'behind' | 'failing' | 'stopped', since: string | null,
 *   message: string, position: number | null, tries: number, next_try_at: string | null,
 *   stopped_by: string | null, passed_over: number | null }} Health
 * @typedef {{ id: string, integration_type: 'permanent' | 'temporary',
 *   status: 'running' | 'stopped', starts_at?: string, ends_at?: string,
 *   filter_conditions?: { event_filter?: string[], entity_filter?: string[] }, health?: Health,
 *   callback_parameters?: { callback_url: string }, s3_parameters?: Record<string, unknown>,
 *   delivery?: Record<string, unknown>, warnings?: { message: string }[] }} Integration
 * @typedef {{ status: string, lag_events: number, lag_seconds: number, events_per_second: number,
 *   last_delivery_at: string | null, failures_in_a_row: number,
 *   latency_ms: { p50: number | null, p90: number | null, p99: number | null },
 *   counts: { since: string, passed: number, delivered: number, rejected: number,
 *     filtered_out: number } }} Statistics
 */

export const LIST_PATH = 'api/v1/org/integrations/eventstream'

/**
 * The path of an integration, or of a thing that belongs to it.
 * @param {string} id
 * @param {string} [rest]
 */
export const pathOf = (id, rest = '') => `${LIST_PATH}/${encodeURIComponent(id)}${rest}`

/**
 * @param {AbortSignal} signal
 * @returns {Promise<Integration[]>}
 */
export const listIntegrations = async (signal) => (await ask(LIST_PATH, { signal })).integrations

/**
 * @param {string} id
 * @param {AbortSignal} signal
 * @returns {Promise<Statistics>}
 */
export const readStatistics = (id, signal) => ask(pathOf(id, '/stats'), { signal })
