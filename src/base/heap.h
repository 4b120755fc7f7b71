#pragma once
// How a program's heap is divided among its threads, and when it gives memory back to the system.
//   Threads  once, before there are others.

namespace sightline {

// Threads share as many heaps as there are cores, instead of eight times as many: what one thread allocates and another
// frees, as samples on their way into blocks, is used again sooner. One heap for all would make queries wait for it.
// A heap gives what is free at its end back to the system beyond some MiB, not with every request that is done with: each
// page that comes back costs a fault.
void share_heaps();

}  // namespace sightline
