// AliasRoots tells what a value of a graph may be a part of: which attributes
// of self, inputs or constants it shares memory with.
//
// LibTorch's own alias analysis puts whatever was ever in a list into one set,
// so that one write in place makes half a model look written. This follows
// values back instead: through operators, branches, loops, containers and
// assignments, and stops at operators that are known to make new memory
// (fresh_results.h). It knows no order, so it may say too much, never too
// little.
//
// Owns:     its edges; the graph outlives it and does not change meanwhile.
// Threads:  one thread at a time.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_GRAPH_ALIAS_ROOTS_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_GRAPH_ALIAS_ROOTS_H_

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <torch/csrc/jit/ir/ir.h>

namespace ferry {

class AliasRoots {
 public:
  struct Roots {
    std::set<std::vector<std::string>> attributes;  // Paths from self.
    bool input = false;
    bool constant = false;
    bool unknown = false;  // It cannot be told.
  };

  // A MakeForwardGraph(): flat, its first input is self.
  explicit AliasRoots(torch::jit::Graph& graph);

  Roots Find(const torch::jit::Value* value) const;

  // Of a list, dict or object itself, apart from what is in it: where else it
  // may be known. What is no container is never one.
  Roots FindContainer(const torch::jit::Value* value) const;

 private:
  void AddNode(torch::jit::Node& node);
  void AddBranches(torch::jit::Node& node);
  void AddLoop(torch::jit::Node& node);
  void AddOperator(torch::jit::Node& node);
  void AddRoot(const torch::jit::Value* value, Roots& roots) const;
  Roots Follow(const torch::jit::Value* value, bool containers_only) const;
  // `from` may be (a part of) `to`.
  void Link(const torch::jit::Value* from, const torch::jit::Value* to);

  torch::jit::Graph& graph_;
  // Written by the constructor only.
  std::unordered_map<const torch::jit::Value*,
                     std::vector<const torch::jit::Value*>>
      links_;
  std::vector<const torch::jit::Value*> stored_;  // Put into a container.
  std::map<std::string, std::vector<const torch::jit::Value*>> assigned_;
};

// Whether a value of this type can be changed where it is.
bool IsMutable(const c10::Type& type);
// Whether it can, and may hold others: anything mutable but a tensor.
bool IsContainer(const c10::Type& type);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_GRAPH_ALIAS_ROOTS_H_
