// CallPickle() is what LibTorch does when a pickle calls a function or a class.
//
// Each accepts exactly what torch.jit.save gives it, so LibTorch never meets a
// number where it expects a tensor or a list that is shorter than it reads.
//
// Threads:  one thread at a time for each heap.
// Fails:    INVALID_ARGUMENT when the argument is not what the callable takes.
// Limits:   kTypeTextMax characters, kTypeDepthMax levels of a type's text.

#ifndef SERVER_FORMATS_PICKLE_PICKLE_CALL_H_
#define SERVER_FORMATS_PICKLE_PICKLE_CALL_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"

#include "server/formats/pickle/pickle_value.h"

namespace ferry {

inline constexpr size_t kTypeTextMax = size_t{64} << 10;
inline constexpr uint32_t kTypeDepthMax = 64;

// What `callable` makes of `argument`. Tensors are added to the heap; an
// object is for the caller to make, of its one argument.
absl::StatusOr<PickleValue> CallPickle(PickleHeap& heap,
                                       PickleCallable callable,
                                       const PickleValue& argument,
                                       uint32_t rank_max);

}  // namespace ferry

#endif  // SERVER_FORMATS_PICKLE_PICKLE_CALL_H_
