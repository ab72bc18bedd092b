#include "server/executors/operator_check.h"

#include <array>
#include <string>

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>

#include "absl/strings/str_cat.h"

#include "server/base/status_macros.h"
#include "server/executors/graph_walk.h"

namespace ferry {

namespace {

// LibTorch's own libraries of pure operators. Not c10d, _c10d_functional,
// _dtensor, symm_mem (other machines); inductor, static_runtime, _test (raw
// addresses, internals); nor what a plugin may have registered.
constexpr std::array<std::string_view, 13> kLibraries = {
    "aten",   "prim", "quantized", "_quantized",       "quantization",
    "mkldnn", "mkl",  "prepacked", "mkldnn_prepacked", "onednn",
    "sparse", "onnx", "profiler"};

// Our own, which GuardLoops() put there.
constexpr std::string_view kLoopGuard = "ferry::check_stop";

constexpr std::array<std::string_view, 10> kForbidden = {
    "aten::save",       // Writes any file.
    "aten::from_file",  // Maps any file, for writing if asked.
    "aten::wait",       // Waits for threads that are refused below.
    "prim::fork",       // A thread, which may outlive its request.
    "prim::forkClosure",
    "prim::rpc_async",  // Other machines.
    "prim::rpc_sync",       "prim::rpc_remote",
    "prim::PythonOp",  // Python.
    "prim::IgnoredPythonOp"};

constexpr std::string_view kNativePrefix = "__torch__.torch.classes.";
// Packed weights, whose state is plain tensors and numbers.
constexpr std::array<std::string_view, 6> kNativeLibraries = {
    "quantized", "rnn", "xnnpack", "mkldnn", "sparse", "profiler"};

bool Contains(const auto& names, std::string_view name) {
  for (const std::string_view one : names) {
    if (one == name) return true;
  }
  return false;
}

absl::Status Forbidden(std::string_view what, const std::string& function) {
  return absl::InvalidArgumentError(
      absl::StrCat("operator ", std::string(what), " in ", function,
                   " reaches outside the model: it is not served"));
}

absl::Status CheckType(const c10::Type& type) {
  const auto* named = type.castRaw<c10::NamedType>();
  if (named == nullptr || !named->name()) return absl::OkStatus();
  return CheckNativeClass(named->name()->qualifiedName());
}

absl::Status CheckNode(const torch::jit::Node& node,
                       const std::string& function) {
  const std::string_view name = node.kind().toQualString();
  const std::string_view library = name.substr(0, name.find("::"));
  if (name == kLoopGuard) return absl::OkStatus();
  if (!Contains(kLibraries, library) || Contains(kForbidden, name)) {
    return Forbidden(name, function);
  }
  for (const torch::jit::Value* output : node.outputs()) {
    RETURN_IF_ERROR(CheckType(*output->type()));
  }
  if (node.kind() == c10::prim::CallMethod && !node.inputs().empty()) {
    RETURN_IF_ERROR(CheckType(*node.input(0)->type()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckNativeClass(std::string_view qualified_name) {
  if (!qualified_name.starts_with(kNativePrefix)) return absl::OkStatus();
  std::string_view library = qualified_name.substr(kNativePrefix.size());
  library = library.substr(0, library.find('.'));
  if (Contains(kNativeLibraries, library)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("class ", std::string(qualified_name),
                   " reaches outside the model: it is not served"));
}

absl::Status OperatorCheck::Check(const torch::jit::CompilationUnit& unit) {
  // Compiling one function may bring in more.
  for (bool more = true; more;) {
    more = false;
    for (torch::jit::Function* function : unit.get_functions()) {
      if (!checked_.insert(function).second) continue;
      more = true;
      if (!function->isGraphFunction()) continue;
      function->ensure_defined();
      absl::Status found;
      ForEachNode(*torch::jit::toGraphFunction(*function).graph(),
                  [&](torch::jit::Node* node) {
                    if (found.ok()) {
                      found = CheckNode(*node,
                                        function->qualname().qualifiedName());
                    }
                  });
      RETURN_IF_ERROR(found);
    }
  }
  return absl::OkStatus();
}

}  // namespace ferry
