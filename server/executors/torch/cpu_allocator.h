// The CpuAllocator is where LibTorch gets host memory from: malloc, within a
// budget of our own.
//
// How much a forward asks for is often a client's choice, and the kernel grants
// what the machine does not have and kills the process when it is touched. So
// the request that would pass the limit ends instead, with the numbers. Large
// blocks that were freed are kept (block_cache.h), within the same budget: they
// go before anybody is refused.
//
// It is in LibTorch's place for the cpu before main(): oneDNN's memory is given
// back to whichever allocator is there at that moment, so it must be this one
// from the first allocation on. Not counted: what never asks LibTorch for
// memory (MKL's buffers, lists and strings of a program, weights in leases,
// requests and answers as messages).
//
// Owns:     one allocator for the process, as LibTorch wants it.
// Threads:  thread-safe; any thread may free a block.
// Units:    bytes. Each block counts kBlockHeaderBytes more than was asked for,
//           a large one up to an eighth more.
// Fails:    throws c10::OutOfMemoryError when a block would pass the limit, or
//           the system has no memory.
// Limits:   SetActivationLimit(); none until then.

#ifndef SERVER_EXECUTORS_TORCH_CPU_ALLOCATOR_H_
#define SERVER_EXECUTORS_TORCH_CPU_ALLOCATOR_H_

#include <cstdint>

#include <c10/core/Allocator.h>

namespace ferry {

// In front of each block: its size and account. As long as blocks are aligned.
inline constexpr uint64_t kBlockHeaderBytes = 64;

c10::Allocator& CpuAllocator();

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCH_CPU_ALLOCATOR_H_
