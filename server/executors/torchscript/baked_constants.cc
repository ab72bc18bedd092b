#include "server/executors/torchscript/baked_constants.h"

#include <vector>

#include "server/base/invariant.h"
#include "server/executors/torch/ivalue_walk.h"
#include "server/executors/torchscript/graph/graph_walk.h"
#include "server/executors/torchscript/graph/host_inputs.h"
#include "server/executors/torchscript/tree_copy.h"

namespace ferry {

namespace {

using torch::jit::AttributeKind;
using torch::jit::Node;

bool IsConstant(const Node& node) {
  return node.kind() == c10::prim::Constant &&
         node.hasAttribute(c10::attr::value);
}

bool IsTensor(const Node& node) {
  return IsConstant(node) && node.kindOf(c10::attr::value) == AttributeKind::t;
}

// Freezing an LSTM makes one constant of its list of weights.
bool HoldsTensors(const Node& node) {
  if (!IsConstant(node) ||
      node.kindOf(c10::attr::value) != AttributeKind::ival) {
    return false;
  }
  bool found = false;
  ForEachTensor(node.ival(c10::attr::value),
                [&](const at::Tensor&) { found = true; });
  return found;
}

bool IsDevice(const Node& node) {
  return IsConstant(node) &&
         node.output()->type()->kind() == c10::TypeKind::DeviceObjType;
}

}  // namespace

bool HasBakedConstants(torch::jit::Graph& graph) {
  bool found = false;
  ForEachNode(graph, [&](Node* node) {
    found |= IsDevice(*node) || HoldsTensors(*node) ||
             (IsTensor(*node) && node->t(c10::attr::value).dim() > 0);
  });
  return found;
}

void OwnScalars(torch::jit::Graph& graph) {
  ForEachNode(graph, [&](Node* node) {
    if (!IsTensor(*node) || node->t(c10::attr::value).dim() > 0) return;
    node->t_(c10::attr::value, node->t(c10::attr::value).clone());
  });
}

void BindConstants(torch::jit::Graph& graph, torch::jit::Graph& values,
                   StorageMap& storages) {
  std::vector<const Node*> holders;
  ForEachNode(values, [&](Node* node) { holders.push_back(node); });
  auto holder = holders.begin();
  bool accelerator_named = false;
  ForEachNode(graph, [&](Node* node) {
    accelerator_named |=
        IsDevice(*node) && !c10::Device(node->s(c10::attr::value)).is_cpu();
  });
  ForEachNode(graph, [&](Node* node) {
    INVARIANT(holder != holders.end());
    const Node& from = **holder++;
    if (IsDevice(*node)) {
      const c10::Device device(node->s(c10::attr::value));
      if (IsFixedDevice(*node) || device.is_meta() ||
          (device.is_cpu() && accelerator_named))
        return;
      node->s_(c10::attr::value, storages.device().str());
    } else if (IsTensor(*node)) {
      const at::Tensor& tensor = from.t(c10::attr::value);
      if (tensor.dim() == 0) {
        node->t_(c10::attr::value, tensor.clone());
        return;
      }
      const at::Tensor bound = CopyTensor(tensor, storages);
      node->t_(c10::attr::value, bound);
      node->output()->inferTypeFrom(bound);
    } else if (HoldsTensors(*node)) {
      node->ival_(c10::attr::value,
                  CopyTree(from.ival(c10::attr::value), storages));
    }
  });
}

c10::IValue BindValue(const c10::IValue& value, StorageMap& storages) {
  if (!value.isDevice()) return CopyTree(value, storages);
  return value.toDevice().is_meta() ? value : storages.device();
}

}  // namespace ferry
