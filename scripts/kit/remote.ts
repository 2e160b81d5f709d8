// Calls into a child process over the channel of `fork`. Load generators, receivers and rivals run
// in separate processes, as in production; calls control them and read their results. Millrace's
// parts and the shared tools (the load, the receiver) use the V8 settings of src/heap.js; rivals
// and bare loops use Node's defaults.

import { fork } from 'node:child_process'
import path from 'node:path'
import { guardProcess } from './guard.ts'

type Call = { id: number; method: string; argument: unknown }
type Answer = { id: number; value?: unknown; error?: string }
type Methods = Record<string, (argument: never) => unknown>

export type Remote = {
  pid: number
  /** Rejects with the child's error, or if the child has ended. */
  call<T = void>(method: string, argument?: unknown): Promise<T>
  stop(): Promise<void>
}

/** Starts a file of `scripts/` as a process and waits until it accepts calls. */
export async function startRemote(file: string): Promise<Remote> {
  const child = fork(path.join(import.meta.dirname, '..', file), { serialization: 'advanced' })
  guardProcess(child)
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let calls = 0
  const exited = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      const error = new Error(`${file} ended (${code ?? signal}).`)
      for (const { reject } of waiting.values()) reject(error)
      waiting.clear()
      resolve()
    })
  })
  child.on('message', ({ id, value, error }: Answer) => {
    const call = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) call?.resolve(value)
    else call?.reject(new Error(error))
  })
  const remote: Remote = {
    pid: child.pid as number,
    call<T>(method: string, argument?: unknown) {
      const answer = Promise.withResolvers<unknown>()
      const id = calls++
      waiting.set(id, answer)
      child.send({ id, method, argument } satisfies Call, (error) => {
        if (error) answer.reject(error)
      })
      return answer.promise as Promise<T>
    },
    async stop() {
      if (child.connected) child.disconnect()
      await exited
    },
  }
  await remote.call('ping')
  return remote
}

/** In the child: serves calls with these methods until the parent is gone; then ends. */
export function serveCalls(methods: Methods): void {
  process.on('message', async ({ id, method, argument }: Call) => {
    const answer: Answer = { id }
    try {
      answer.value = await methods[method]?.(argument as never)
    } catch (error) {
      answer.error = (error as Error).stack ?? String(error)
    }
    if (process.connected) process.send?.(answer)
  })
  process.on('disconnect', () => process.exit(0))
  // A Ctrl-C in the terminal reaches all processes: the parent decides.
  process.on('SIGINT', () => {})
}
