#include "server/executors/torchscript/checks/operator_check.h"

#include <array>
#include <string>

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>

#include "absl/strings/str_cat.h"

#include "server/base/status_macros.h"
#include "server/executors/torchscript/checks/cast_guard.h"
#include "server/executors/torchscript/graph/graph_walk.h"

namespace ferry {

namespace {

// LibTorch's own libraries of pure operators. Not c10d, _c10d_functional,
// _dtensor, symm_mem (other machines); inductor, static_runtime, _test (raw
// addresses, internals); nor what a plugin may have registered.
constexpr std::array<std::string_view, 13> kLibraries = {
    "aten",   "prim", "quantized", "_quantized",       "quantization",
    "mkldnn", "mkl",  "prepacked", "mkldnn_prepacked", "onednn",
    "sparse", "onnx", "profiler"};

// Our own, which GuardLoops() and GuardCasts() put there.
constexpr std::array<std::string_view, 2> kOurs = {"ferry::check_stop",
                                                   kCastGuard};

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

// They trust their arguments, and end the process when they should not have:
// found by trying (tests/executors/operator_sweep_test.cc).
constexpr std::array<std::string_view, 58> kTrusting = {
    // Of training.
    "aten::batch_norm_update_stats", "aten::segment_reduce",
    "aten::_sobol_engine_draw", "aten::_sobol_engine_ff_",
    "aten::_sobol_engine_initialize_state_", "aten::_sobol_engine_scramble_",
    // Steps of other operators, which look first.
    "aten::_autocast_to_reduced_precision", "aten::_batch_norm_no_update",
    "aten::_chunk_cat", "aten::_remove_batch_dim",
    "aten::_cholesky_solve_helper", "aten::_convert_indices_from_coo_to_csr",
    "aten::_convert_indices_from_csr_to_coo", "aten::_cummax_helper",
    "aten::_cummin_helper", "aten::_dyn_quant_matmul_4bit",
    "aten::_dyn_quant_pack_4bit_weight", "aten::_fft_c2c", "aten::_fft_c2r",
    "aten::_fft_r2c", "aten::_foreach_copy", "aten::_logcumsumexp",
    "aten::_nnpack_spatial_convolution",
    "aten::_new_zeros_with_same_feature_meta", "aten::_unsafe_masked_index",
    "aten::_unsafe_masked_index_put_accumulate", "aten::_reshape_alias",
    "aten::_reshape_alias_copy", "aten::_stack",
    "aten::_transform_bias_rescale_qkv", "aten::_weight_norm_interface",
    "aten::linalg_ldl_solve", "mkldnn::_reorder_convolution_transpose_weight",
    "mkldnn::_reorder_mkldnn_rnn_layer_weight",
    "mkldnn_prepacked::conv2d_prepack", "onednn::qlinear_prepack",
    // Of older versions, or of names for dimensions, which TorchScript has not.
    "aten::align_tensors", "aten::align_to", "aten::quantized_gru_cell",
    "aten::quantized_lstm_cell", "aten::quantized_rnn_relu_cell",
    "aten::quantized_rnn_tanh_cell",
    // What LibTorch's compiler puts into graphs that it is about to run.
    "prim::ChunkSizes", "prim::ConstantChunk", "prim::ConstantMKLDNNTensor",
    "prim::DifferentiableGraph", "prim::FusedConcat", "prim::FusionGroup",
    "prim::MMBatchSide", "prim::ReductionSizes", "prim::RequiresGradCheck",
    "prim::StaticRuntimeCopyOuts", "prim::StaticSubgraph",
    "prim::TensorExprDynamicGroup", "prim::TensorExprDynamicGuard",
    "prim::TensorExprGroup", "prim::oneDNNFusionGroup",
    "prim::oneDNNFusionGuard"};
constexpr std::string_view kOfTraining = "_backward";
constexpr std::string_view kOfMkldnn = "prim::MKLDNN";

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

bool IsTrusting(std::string_view name) {
  return Contains(kTrusting, name) || name.starts_with(kOfMkldnn) ||
         name.find(kOfTraining) != std::string_view::npos;
}

bool ReachesOutside(std::string_view name) {
  if (Contains(kOurs, name)) return false;
  return !Contains(kLibraries, name.substr(0, name.find("::"))) ||
         Contains(kForbidden, name);
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
  if (ReachesOutside(name)) return Forbidden(name, function);
  if (IsTrusting(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("operator ", std::string(name), " in ", function,
                     " trusts its arguments: it is not served"));
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

bool IsServed(std::string_view operator_name) {
  return !ReachesOutside(operator_name) && !IsTrusting(operator_name);
}

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
