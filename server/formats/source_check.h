// CheckSource() says whether LibTorch may compile this text, and outlines it.
//
// LibTorch's parser and compiler recurse over brackets, blocks and chains of
// operators, and its syntax trees are destroyed recursively: deep enough text
// overflows the stack. This follows its lexer (torch/csrc/jit/frontend/lexer.h
// of 2.11) and bounds what recurses; lists and blocks of any length pass.
// (Measured with LibTorch 2.11 on a stack of 8 MiB: chains of 4,000 compile,
// brackets 2,000 deep, blocks 1,000 deep.)
//
// Threads:  any.
// Units:    bytes; lines count from 1.
// Fails:    INVALID_ARGUMENT naming the line, what was found and the limit.
// Limits:   SourceLimits. Time is linear in the text.

#ifndef SERVER_FORMATS_SOURCE_CHECK_H_
#define SERVER_FORMATS_SOURCE_CHECK_H_

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace ferry {

struct SourceLimits {
  uint64_t size_max_bytes = uint64_t{64} << 20;
  uint32_t brackets_max = 256;  // Open at a time.
  uint32_t blocks_max = 128;    // Indented in one another; elif counts as one.
  // Operators, attributes, calls, subscripts and keywords whose operands are
  // one another: what one expression can be deep.
  uint32_t chain_max = 2000;
  // Different names of the model's own definitions, in one text.
  size_t references_max = 200'000;
};

// A class or function on the outermost level.
struct SourceDefinition {
  std::string name;
  // What compiling it recurses, in links of a chain; a block is kBlockDepth. A
  // class's methods add up: each is compiled inside of one that calls it.
  uint32_t depth = 0;
  // The dotted names in it that begin with __torch__: compiling it first
  // compiles what they name.
  std::set<std::string> references;
};

inline constexpr uint32_t kBlockDepth = 4;

using SourceOutline = std::vector<SourceDefinition>;

absl::StatusOr<SourceOutline> CheckSource(std::string_view text,
                                          const SourceLimits& limits = {});

}  // namespace ferry

#endif  // SERVER_FORMATS_SOURCE_CHECK_H_
