// CheckDefinitionGraph() bounds how deep compiling one class leads.
//
// LibTorch compiles a class when something names it, inside of what names it.
// So a chain of classes recurses as code nested in itself would: a stack of
// 8 MiB ends after some 400 of the smallest ones, or after 1,700 methods that
// call one another (LibTorch 2.11, measured).
//
// Threads:  any; a pure function.
// Units:    depth is in links of a chain, as in source_check.h: about 2 KiB of
//           stack each.
// Fails:    INVALID_ARGUMENT naming the definition at the deep end, one that is
//           there twice, or a name that is not defined.
// Limits:   kDefinitionDepthMax, kNamePartsMax.

#ifndef SERVER_FORMATS_TORCHSCRIPT_DEFINITION_GRAPH_H_
#define SERVER_FORMATS_TORCHSCRIPT_DEFINITION_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"

#include "server/formats/source_check.h"

namespace ferry {

// The depths of definitions that name one another, added up: half of the stack
// that a Worker has and a little more, as the rest is the caller's.
inline constexpr uint64_t kDefinitionDepthMax = 20'000;
// What compiling a definition takes, however short it is.
inline constexpr uint64_t kDefinitionDepth = 16;
// Between the dots of a name.
inline constexpr size_t kNamePartsMax = 32;

// The names are qualified: __torch__.module.Class.
absl::Status CheckDefinitionGraph(
    const std::vector<SourceDefinition>& definitions);

}  // namespace ferry

#endif  // SERVER_FORMATS_TORCHSCRIPT_DEFINITION_GRAPH_H_
