// FindPickleGlobal() looks up what a pickle names: a function, type or class.
//
// The list is the whole of what a pickle may call. LibTorch knows a few more,
// which torch.jit.save never writes and whose handling is not safe.
// (readGlobal in torch/csrc/jit/serialization/unpickler.cpp of 2.11.)
//
// Threads:  any.
// Fails:    INVALID_ARGUMENT when the name is not one of them; UNIMPLEMENTED
//           for sparse tensors.
// Limits:   kGlobalNameLengthMax.

#ifndef SERVER_FORMATS_PICKLE_PICKLE_GLOBAL_H_
#define SERVER_FORMATS_PICKLE_PICKLE_GLOBAL_H_

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"

#include "server/formats/pickle/pickle_value.h"

namespace ferry {

inline constexpr size_t kGlobalNameLengthMax = 1024;

// A kCallable, kScalarType or kQScheme.
absl::StatusOr<PickleValue> FindPickleGlobal(std::string_view module,
                                             std::string_view name);

}  // namespace ferry

#endif  // SERVER_FORMATS_PICKLE_PICKLE_GLOBAL_H_
