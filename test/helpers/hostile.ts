// Settings that a role, a database or a URL may have, and that the service must not follow.

/** Name and value, as in `alter role … set`. */
export const hostileSettings = [
  ['datestyle', "'German'"],
  ['timezone', "'Asia/Kathmandu'"],
  ['intervalstyle', "'sql_standard'"],
  ['default_transaction_isolation', "'serializable'"],
  ['default_transaction_read_only', 'on'],
  ['default_transaction_deferrable', 'on'],
  ['synchronous_commit', 'off'],
  ['statement_timeout', "'200ms'"],
  ['lock_timeout', "'200ms'"],
  ['idle_in_transaction_session_timeout', "'200ms'"],
  ['idle_session_timeout', "'200ms'"],
  ['search_path', "'nowhere'"],
  ['client_encoding', "'LATIN1'"],
  ['bytea_output', "'escape'"],
  ['extra_float_digits', '-15'],
  ['jit', 'on'],
] as const
