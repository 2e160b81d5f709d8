// What V8 is told before anything runs, by importing this. It guesses from the first seconds which
// objects will live long, and allocates those of the same place in the code among the old ones from
// then on. For requests and events that is wrong, and worse than slow: what has died among the old
// ones keeps alive all that it points to until a full collection. About one `serve` in six went on
// like that for life: 53 us of CPU an event instead of 35, a p99 of 44 ms instead of 27 (256
// publishers, 5 of 27 processes; without the guess none of 20).

import v8 from 'node:v8'

v8.setFlagsFromString('--no-allocation-site-pretenuring')

// And the buffers of statements and payloads, which are not on the heap, count as old objects: with
// little else that is old, a publisher at 20,000 events/s ran four full collections a second for
// them; so it is one in nine seconds, and 6 to 13 us of CPU an event instead of 12 to 18. The old
// ones may become three times what survived the last full collection before the next. The peak of
// resident memory: 283 MiB, now 291, in delivery; the same in exports and publishing.
v8.setFlagsFromString('--heap-growing-percent=200')
