// Row types of the tables, for kysely. Positions are JavaScript numbers: microseconds stay exact
// until 2255.

import type { ColumnType, Generated } from 'kysely'

/** jsonb, written as text. */
type Document = ColumnType<Record<string, unknown>, string, string>

export type Tables = {
  event: {
    tenant: string
    position: number
    name: string
    entity_id: string
    idempotency_key: string
    team: string
    service: string
    correlation_ids: Record<string, string>
    payload_bytes: number
    /** The text of the payload, never parsed: see db/pool. */
    payload: string
    live: boolean
    traceparent: string | null
  }
  event_type: {
    tenant: string
    name: string
    last_position: number
  }
  event_type_reader: {
    tenant: string
    read_position: number
  }
  registered_event_type: {
    tenant: string
    name: string
    version: number
    document: Document
    changed_position: number
  }
  config_log: {
    tenant: string
    position: number
    kind: string
    id: string
    version: number
    action: string
    status: 'running' | 'stopped' | 'removed'
    actor: string
    reason: string
    document: Document | null
    attempt: Generated<string | null>
  }
  consumer: {
    tenant: string
    id: string
    kind: 'integration' | 'subscription' | 'projection'
    version: number
    status: 'running' | 'stopped'
    document: Document
    created_position: number
    changed_position: number
    /** The position of its stop; null while it runs. */
    stopped_position: number | null
  }
  /** A view: the consumers that are integrations. */
  integration: {
    tenant: string
    id: string
    version: number
    status: 'running' | 'stopped'
    document: Document
    created_position: number
    changed_position: number
  }
  cursor: {
    tenant: string
    consumer: string
    run: Generated<number>
    read_position: number
    unresolved: Generated<number[]>
    stop_position: number | null
    attempts: Generated<number>
    retry_at: Date | null
    retry_set_at: Date | null
    owner: string | null
    epoch: Generated<number>
    lease_until: Date | null
    close_until: Date | null
    version: number | null
    delivered: Generated<number>
    rejected: Generated<number>
    filtered: Generated<number>
    counted_after: Generated<number>
    latency_ms_histogram: Generated<number[]>
    alerted: Generated<boolean>
    interruption_alert_at: Date | null
    recovery_alert_at: Date | null
  }
  export_file: {
    tenant: string
    position: number
    consumer: string
    run: number
    version: number
    key: string
    from_position: number
    first_position: number
    to_position: number
    filter: Record<string, unknown> | null
    compression: 'gzip' | null
    upload_id: string | null
    state: Generated<'open' | 'finished' | 'abandoned'>
    events: number | null
    bytes: number | null
    sha256: Buffer | null
    last_position: number | null
    finished_at: Date | null
  }
  replay: {
    tenant: string
    consumer: string
    /** The run of its cursor, receipts and attempts. */
    number: number
    started_position: number
    from_position: number
    to_position: number
    filter_conditions: Document | null
    rate: number | null
    state: 'queued' | 'running' | 'completed' | 'cancelled' | 'failed'
    ends_as: 'cancelled' | 'failed' | null
    total: number | null
    is_estimate: Generated<boolean>
    delivered: number | null
    rejected: number | null
    filtered: number | null
    settled_position: number | null
    actor: string
    ended_by: string | null
    end_reason: string | null
    ended_position: number | null
  }
  receipt: {
    tenant: string
    position: number
    consumer: string
    run: number
    version: number
    from_position: number
    to_position: number
    delivered: number
    rejected: number
    filtered: number
    latency_ms_histogram: number[]
  }
  attempt: {
    tenant: string
    position: number
    consumer: string
    run: number
    event_position: number
    attempt: number
    outcome: 'rejected' | 'refused' | 'unavailable' | 'delivered' | 'skipped' | 'resent'
    status: number | null
    reason: string
    response: string | null
    /** The sender, if it was sent by hand; null: the stream. */
    actor: string | null
  }
  rejected_event: {
    tenant: string
    consumer: string
    id: Generated<string>
    run: Generated<number>
    event_position: number
    name: string
    entity_id: string
    idempotency_key: string
    payload: string
    cause: Generated<'rejected' | 'skipped'>
    /** Null if a skipped event had no answer. */
    status: number | null
    response: string
    rejected_at: Generated<Date>
  }
  api_key: {
    id: string
    name: string
    secret_sha256: Buffer
    /** ['*']: every tenant. */
    tenants: string[]
    scopes: string[]
    teams: string[] | null
    services: string[] | null
    event_names: string[] | null
    /** Events a second, on each process; null: no limit. */
    rate: number | null
    created_at: Generated<Date>
    created_by: string
    expires_at: Date | null
    revoked_at: Date | null
    revoked_by: string | null
  }
  notification_job: {
    tenant: string
    id: string
    version: number
    document: Document
    created_position: number
    changed_position: number
    through_position: number
    next_run_at: Date | null
    owner: string | null
    epoch: Generated<number>
    lease_until: Date | null
  }
  notification_run: {
    tenant: string
    job_id: string
    id: Generated<string>
    position: number
    cause: 'schedule' | 'manual'
    tick_at: Date | null
    state: Generated<'queued' | 'running' | 'completed' | 'failed'>
    from_position: number | null
    to_position: number | null
    attempts: Generated<number>
    retry_at: Date | null
    retry_set_at: Date | null
    found: Generated<number>
    sent: Generated<number>
    notices: Generated<number>
    rejected: Generated<number>
    withheld: Generated<number>
    capped: Generated<number>
    unconfirmed: Generated<number>
    reason: string | null
    started_at: Date | null
    finished_at: Date | null
  }
  notification_sender: {
    tenant: string
    version: number
    document: Document
    changed_position: number
  }
}
