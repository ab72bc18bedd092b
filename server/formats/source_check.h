// CheckSource() says whether LibTorch may compile this text.
//
// LibTorch's parser and compiler recurse over brackets, blocks and chains of
// operators, and its syntax trees are destroyed recursively: deep enough text
// overflows the stack. This follows its lexer (torch/csrc/jit/frontend/lexer.h
// of 2.11) and bounds what recurses; lists and blocks of any length pass.
//
// Threads:  any.
// Units:    bytes; lines count from 1.
// Fails:    INVALID_ARGUMENT naming the line, what was found and the limit.
// Limits:   SourceLimits. Time is linear in the text; memory in its depth.

#ifndef SERVER_FORMATS_SOURCE_CHECK_H_
#define SERVER_FORMATS_SOURCE_CHECK_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace ferry {

struct SourceLimits {
  uint64_t size_max_bytes = uint64_t{64} << 20;
  uint32_t brackets_max = 256;  // Open at a time.
  uint32_t blocks_max = 128;    // Indented in one another; elif counts as one.
  // Operators, attributes, calls, subscripts and keywords whose operands are
  // one another: what one expression can be deep.
  uint32_t chain_max = 2000;
};

absl::Status CheckSource(std::string_view text,
                         const SourceLimits& limits = {});

}  // namespace ferry

#endif  // SERVER_FORMATS_SOURCE_CHECK_H_
