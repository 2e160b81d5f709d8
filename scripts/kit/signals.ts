// Signals that end a script. Listeners of `exit` then end what it has started.

import os from 'node:os'

/**
 * At Ctrl-C, `kill`, and the end of the terminal the process exits, with the status that a shell
 * gives to a process that the signal has ended: 128 and its number.
 */
export function exitAtSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => process.exit(128 + os.constants.signals[signal]))
  }
}
