// A DefaultCheck refuses code whose default values are more than literals.
//
// LibTorch compiles and runs them, and a class's constants, while it imports
// the class: before its functions exist and an OperatorCheck could see them.
// So their syntax trees, from LibTorch's own parser, may only hold what
// torch.jit.save prints for a value.
//
// Owns:     the syntax trees of what was added.
// Threads:  one thread at a time.
// Fails:    INVALID_ARGUMENT naming the line and what stands there.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_CHECKS_DEFAULT_CHECK_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_CHECKS_DEFAULT_CHECK_H_

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include <torch/csrc/jit/frontend/source_range.h>
#include <torch/csrc/jit/frontend/tree.h>

#include "absl/status/status.h"

namespace ferry {

class DefaultCheck {
 public:
  // The text of module "__torch__.a", which CheckSource() has passed; throws
  // what LibTorch's parser throws.
  void Add(const std::string& module,
           const std::shared_ptr<torch::jit::Source>& source);

  // Everything that was added: a default may make a named tuple of another
  // text.
  absl::Status Check() const;

 private:
  absl::Status CheckTree(const torch::jit::TreeRef& tree) const;
  absl::Status CheckConstants(const torch::jit::TreeRef& definition) const;
  absl::Status CheckValue(const torch::jit::TreeRef& value) const;
  bool IsLiteral(const torch::jit::TreeRef& value) const;
  bool IsLiteralCall(const torch::jit::TreeRef& call) const;

  std::vector<torch::jit::TreeRef> definitions_;
  std::unordered_set<std::string> named_tuples_;
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_CHECKS_DEFAULT_CHECK_H_
