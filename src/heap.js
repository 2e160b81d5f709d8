// Settings of V8; import this before anything runs. From the first seconds V8 guesses which objects
// will live long, and later allocates those in the old space at once (pretenuring). For requests
// and events the guess is wrong: a dead object in the old space keeps alive all that it points to,
// until a full collection. With the guess 5 of 27 `serve` processes stayed slow for life: 53 us of
// CPU an event instead of 35, and a p99 of 44 ms instead of 27 (256 publishers). Without it none of
// 20 did.

import v8 from 'node:v8'

v8.setFlagsFromString('--no-allocation-site-pretenuring')

// The buffers of statements and payloads are off the heap, but count as old objects. With few other
// old objects, a publisher at 20,000 events/s ran four full collections a second for them, at 12 to
// 18 us of CPU an event. If the old space may grow to three times the survivors, it runs one in
// nine seconds, at 6 to 13 us. It adds 8 MiB to the peak of delivery; exports and publishing need
// the same.
v8.setFlagsFromString('--heap-growing-percent=200')

// The young generation doubles with what survives in it, up to 128 MiB on a machine with much
// memory. Beyond 32 MiB nothing is gained: if it ends there, publishing peaks at 177 MiB instead of
// 202 and delivery at 181 instead of 253, and both are as fast. (At 16 MiB delivery loses a tenth.)
// Its limit can be set only when Node starts, so its growth is switched off, and on again: while
// little happens, V8 makes it smaller.
const MOST_YOUNG_BYTES = 24 * 1024 * 1024
let mayGrow = true
const observer = new PerformanceObserver(() => {
  const young = v8.getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
  const isSmall = young === undefined || young.space_size < MOST_YOUNG_BYTES
  if (isSmall === mayGrow) return
  mayGrow = isSmall
  v8.setFlagsFromString(`--semi-space-growth-factor=${mayGrow ? 2 : 1}`)
})
observer.observe({ entryTypes: ['gc'] })
