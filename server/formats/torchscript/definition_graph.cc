#include "server/formats/torchscript/definition_graph.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/formats/refusal.h"

namespace ferry {
namespace {

// Classes that are written in C++ have no text.
constexpr std::string_view kNativeClasses = "__torch__.torch.classes.";

using Edges = std::vector<std::vector<uint32_t>>;

// Which definitions each one names: every prefix of a name that is one, since
// what follows may be a method or an attribute.
class NameTable {
 public:
  explicit NameTable(const std::vector<SourceDefinition>& definitions)
      : definitions_(definitions) {}

  absl::StatusOr<Edges> Resolve() {
    for (uint32_t i = 0; i < definitions_.size(); ++i) {
      const std::string& name = definitions_[i].name;
      if (!indices_.emplace(name, i).second) {
        return Refusal(Shown(name), " is defined twice");
      }
      if (std::ranges::count(name, '.') >=
          static_cast<ptrdiff_t>(kNamePartsMax)) {
        return Refusal(Shown(name), " has more than ", kNamePartsMax,
                       " parts between dots");
      }
    }
    Edges edges(definitions_.size());
    for (uint32_t i = 0; i < definitions_.size(); ++i) {
      for (const std::string& name : definitions_[i].references) {
        RETURN_IF_ERROR(AddEdges(definitions_[i].name, name, edges[i]));
      }
    }
    return edges;
  }

 private:
  absl::Status AddEdges(std::string_view from, std::string_view name,
                        std::vector<uint32_t>& edges) const {
    bool found = name.starts_with(kNativeClasses);
    size_t end = 0;
    for (size_t parts = 0; parts < kNamePartsMax && end < name.size();
         ++parts) {
      end = std::min(name.find('.', end + 1), name.size());
      const auto index = indices_.find(name.substr(0, end));
      if (index == indices_.end()) continue;
      edges.push_back(index->second);
      found = true;
    }
    // A folder of names in a variable would hide which of them is used.
    if (!found) {
      return Refusal(Shown(from), " names ", Shown(name),
                     ", which the archive does not define");
    }
    return absl::OkStatus();
  }

  const std::vector<SourceDefinition>& definitions_;
  std::unordered_map<std::string_view, uint32_t> indices_;
};

// The longest way through the graph, where definitions that name one another
// in a circle count as one that has all their depths. (Tarjan, "Depth-first
// search and linear graph algorithms", 1972; without recursion.)
class LongestWay {
 public:
  LongestWay(const std::vector<SourceDefinition>& definitions,
             const Edges& edges)
      : definitions_(definitions), edges_(edges), nodes_(definitions.size()) {}

  absl::Status Check() {
    for (uint32_t start = 0; start < nodes_.size(); ++start) {
      if (nodes_[start].order == 0) Enter(start);
      while (!path_.empty()) {
        Step();
        if (deepest_ > kDefinitionDepthMax) {
          return Refusal("compiling ", Shown(definitions_[deepest_at_].name),
                         " and what it names is ", deepest_,
                         " levels deep; at most ", kDefinitionDepthMax,
                         " are allowed");
        }
      }
    }
    return absl::OkStatus();
  }

 private:
  struct Node {
    uint32_t order = 0;  // When it was entered; 0: not yet.
    uint32_t lowest = 0;
    uint32_t next_edge = 0;
    bool open = false;  // Its circle is not complete.
    uint64_t depth =
        0;  // Of all that it leads to; its circle's, once complete.
  };

  void Enter(uint32_t at) {
    nodes_[at].order = nodes_[at].lowest = ++entered_;
    nodes_[at].open = true;
    path_.push_back(at);
    open_.push_back(at);
  }

  // Follows one edge from the end of the path, or goes back.
  void Step() {
    const uint32_t at = path_.back();
    Node& node = nodes_[at];
    if (node.next_edge < edges_[at].size()) {
      const uint32_t to = edges_[at][node.next_edge++];
      if (nodes_[to].order == 0) {
        Enter(to);
      } else {
        Join(node, nodes_[to]);
      }
      return;
    }
    path_.pop_back();
    if (node.lowest == node.order) CloseCircle(at);
    if (!path_.empty()) Join(nodes_[path_.back()], node);
  }

  static void Join(Node& from, const Node& to) {
    if (to.open) {
      from.lowest = std::min(from.lowest, to.lowest);
    }
    from.depth = std::max(from.depth, to.depth);
  }

  // `at` and all that was entered after it and is open name one another.
  void CloseCircle(uint32_t at) {
    const auto begin = std::find(open_.rbegin(), open_.rend(), at).base() - 1;
    uint64_t below = 0;
    uint64_t depth = 0;
    for (auto member = begin; member != open_.end(); ++member) {
      below = std::max(below, nodes_[*member].depth);
      depth += kDefinitionDepth + definitions_[*member].depth;
    }
    for (auto member = begin; member != open_.end(); ++member) {
      nodes_[*member].depth = below + depth;
      nodes_[*member].open = false;
    }
    open_.erase(begin, open_.end());
    if (below + depth > deepest_) {
      deepest_ = below + depth;
      deepest_at_ = at;
    }
  }

  const std::vector<SourceDefinition>& definitions_;
  const Edges& edges_;
  std::vector<Node> nodes_;
  uint32_t entered_ = 0;
  std::vector<uint32_t> path_;
  std::vector<uint32_t> open_;
  uint64_t deepest_ = 0;
  uint32_t deepest_at_ = 0;
};

}  // namespace

absl::Status CheckDefinitionGraph(
    const std::vector<SourceDefinition>& definitions) {
  ASSIGN_OR_RETURN(const Edges edges, NameTable(definitions).Resolve());
  return LongestWay(definitions, edges).Check();
}

}  // namespace ferry
