// CheckPickle() says whether LibTorch may unpickle these bytes.
//
// LibTorch's unpickler pops empty stacks, pairs odd dictionaries, recurses over
// what it built and makes tensors over memory that their storage does not have.
// This runs the same program over kinds and sizes instead of values, and passes
// only what a correct torch.jit.save can have written. (After
// torch/csrc/jit/serialization/unpickler.cpp of 2.11 and Python's
// pickletools.py; protocol 2.)
//
// Threads:  any.
// Units:    bytes.
// Fails:    INVALID_ARGUMENT naming the byte offset and what was found there;
//           UNIMPLEMENTED for sparse tensors.
// Limits:   PickleLimits. Time and memory are linear in the pickle's size.

#ifndef SERVER_FORMATS_PICKLE_PICKLE_CHECK_H_
#define SERVER_FORMATS_PICKLE_PICKLE_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "absl/status/status.h"

#include "server/values/value.h"

namespace ferry {

struct PickleLimits {
  uint64_t size_max_bytes = uint64_t{64} << 20;
  // Lists, tuples, dictionaries and objects in one another.
  uint32_t nesting_max = 512;
  // Values that the program makes.
  uint64_t values_max = 4'000'000;
  // Values met when the result is walked without remembering what was seen: a
  // few shared lists of shared lists can be 2^60.
  uint64_t walk_max = 50'000'000;
  uint64_t string_length_max = uint64_t{16} << 20;
  uint32_t rank_max = kRankMax;
};

// The size of the storage with that key in bytes, or nothing if there is none.
using StorageSize = std::function<std::optional<uint64_t>(std::string_view)>;

absl::Status CheckPickle(std::string_view pickle,
                         const StorageSize& storage_size,
                         const PickleLimits& limits = {});

}  // namespace ferry

#endif  // SERVER_FORMATS_PICKLE_PICKLE_CHECK_H_
