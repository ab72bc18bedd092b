#include "server/executors/torchscript/torchscript_program.h"

#include <algorithm>
#include <utility>

#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/api/function_impl.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "server/base/crc32.h"
#include "server/base/invariant.h"
#include "server/base/status_macros.h"
#include "server/executors/torch/ivalue_walk.h"
#include "server/executors/torch/torch_error.h"
#include "server/executors/torchscript/baked_constants.h"
#include "server/executors/torchscript/forward_graph.h"
#include "server/executors/torchscript/graph/graph_walk.h"
#include "server/executors/torchscript/graph/host_inputs.h"
#include "server/executors/torchscript/graph/input_dtypes.h"
#include "server/executors/torchscript/program_code.h"
#include "server/executors/torchscript/schema_signature.h"
#include "server/executors/torchscript/torchscript_instance.h"
#include "server/formats/read_exactly.h"

namespace ferry {

namespace {

absl::Status InProgramFile(const TorchScriptArchive& archive,
                           const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat("model file ", archive.path(), ": ",
                                   std::string(status.message())));
}

// Whether all that compiling the file reads was put into the range. More than
// that comes with the weights.
absl::StatusOr<bool> FillConstants(const TorchScriptArchive& archive,
                                   ImageRange& range) {
  uint64_t size_bytes = 0;
  for (const Record& record : archive.layout().records) {
    if (TorchScriptArchive::IsConstant(record)) size_bytes += record.size_bytes;
  }
  if (size_bytes > TorchScriptProgram::kConstantsReadMaxBytes) return false;
  for (const Record& record : archive.layout().records) {
    if (!TorchScriptArchive::IsConstant(record)) continue;
    ASSIGN_OR_RETURN(
        const std::string bytes,
        ReadExactly(archive.fd(), record.file_offset_bytes, record.size_bytes));
    if (Crc32(0, std::as_bytes(std::span(bytes))) != *record.crc32) {
      return absl::DataLossError(
          absl::StrCat("record ", record.name, ": wrong checksum"));
    }
    RETURN_IF_ERROR(range.Fill(record.image_offset_bytes, bytes));
  }
  return true;
}

// What of the image forward may write to.
StateLayout LayOutState(const StateFacts& state, const c10::IValue& self,
                        const ImageRange& range, const ImageLayout& image) {
  StateLayout layout;
  if (state.any_written) {
    for (const Record& record : image.records) {
      layout.Add(record.image_offset_bytes, record.size_bytes);
    }
    return layout;
  }
  for (const auto& path : state.written) {
    const auto value = Follow(self, path);
    if (!value) {
      throw StatusError(absl::InvalidArgumentError(
          absl::StrCat("forward writes to ", absl::StrJoin(path, "."),
                       ", which the model does not have")));
    }
    ForEachTensor(*value, [&](const at::Tensor& tensor) {
      if (!tensor.has_storage()) return;
      const auto offset = range.OffsetOf(tensor.storage().data());
      if (offset) layout.Add(*offset, tensor.storage().nbytes());
    });
  }
  return layout;
}

// What the program tells of its inputs, and what else is to stay on the host.
// Fixes devices in the graph, so it comes before the graph is used.
Signature MakeSignature(torch::jit::Graph& graph, const c10::IValue& self,
                        const c10::FunctionSchema& schema,
                        std::span<const std::string> host_inputs) {
  Signature signature = SchemaSignature(schema);
  const auto dtypes = FindInputDtypes(graph, self);
  for (size_t i = 0; i < dtypes.size(); ++i) {
    if (!dtypes[i]) continue;
    signature.inputs[i].datatype = std::string(KServeName(dtypes[i]->dtype));
    signature.inputs[i].need = dtypes[i]->need;
  }
  signature.host_inputs = FindHostInputs(graph, schema);
  for (const std::string& name : host_inputs) {
    if (std::ranges::find(signature.host_inputs, name) ==
        signature.host_inputs.end()) {
      signature.host_inputs.push_back(name);
    }
  }
  return signature;
}

// Takes the range when all went well. May throw.
ProgramCode MakeCode(const TorchScriptArchive& archive, ImageRange& range,
                     LoadedModule module,
                     c10::intrusive_ptr<ActivationAccount> account,
                     std::span<const std::string> host_inputs) {
  const c10::InferenceMode inference;
  torch::jit::Function* forward = module.object->type()->findMethod("forward");
  if (forward == nullptr || !forward->isGraphFunction()) {
    throw StatusError(absl::InvalidArgumentError(
        "it has no forward: not a model that can be served"));
  }
  const c10::IValue self(module.object);
  const auto graph =
      MakeForwardGraph(self, torch::jit::toGraphFunction(*forward));
  Signature signature =
      MakeSignature(*graph, self, forward->getSchema(), host_inputs);
  StateFacts state = AnalyseState(graph);
  StateLayout state_layout = LayOutState(state, self, range, archive.layout());
  OwnScalars(*graph);
  std::optional<torch::jit::Code> plan;
  // A constant that is written to must not be shared either.
  if (!HasBakedConstants(*graph) && !state.any_written) {
    plan.emplace(graph, "forward");
  }
  return ProgramCode{.path = archive.path(),
                     .range = std::move(range),
                     .image_bytes = archive.layout().size_bytes,
                     .module = std::move(module),
                     .graph = graph,
                     .arguments = ForwardArguments(forward->getSchema()),
                     .signature = std::move(signature),
                     .state = std::move(state),
                     .state_layout = std::move(state_layout),
                     .plan = std::move(plan),
                     .account = std::move(account)};
}

// Null when only weights will tell.
absl::StatusOr<std::optional<ProgramCode>> Compile(
    const TorchScriptArchive& archive, ImageRange& range, bool filled,
    std::stop_token stop, std::span<const std::string> host_inputs) {
  auto account = c10::make_intrusive<ActivationAccount>();
  const ActivationScope scope(account);
  absl::StatusOr<std::optional<LoadedModule>> module =
      LoadModule(archive, range, filled, std::move(stop));
  if (!module.ok()) return InProgramFile(archive, module.status());
  if (!module->has_value()) return std::nullopt;
  try {
    return MakeCode(archive, range, **std::move(module), std::move(account),
                    host_inputs);
  } catch (...) {
    return InProgramFile(
        archive, CurrentExceptionStatus(absl::StatusCode::kInvalidArgument,
                                        FirstSentence));
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<TorchScriptProgram>> TorchScriptProgram::Load(
    const TorchScriptArchive& archive, const WeightSet* host,
    std::stop_token stop, std::span<const std::string> host_inputs) {
  const uint64_t size_bytes = archive.layout().size_bytes;
  const bool filled = host != nullptr;
  if (filled) INVARIANT(host->size_bytes() >= size_bytes);
  absl::StatusOr<ImageRange> range =
      filled ? ImageRange::Over(host->data(), size_bytes)
             : ImageRange::Reserve(size_bytes);
  RETURN_IF_ERROR(range.status());
  if (!filled) {
    const absl::StatusOr<bool> all = FillConstants(archive, *range);
    if (!all.ok()) return InProgramFile(archive, all.status());
    if (!*all) return nullptr;
  }
  absl::StatusOr<std::optional<ProgramCode>> code =
      Compile(archive, *range, filled, std::move(stop), host_inputs);
  if (!code.ok()) {
    // An error that came of reading zeros for weights says nothing.
    if (range->WasRead()) return nullptr;
    return code.status();
  }
  if (!code->has_value() || (*code)->range.WasRead()) return nullptr;
  (*code)->range.Empty();
  return std::unique_ptr<TorchScriptProgram>(
      new TorchScriptProgram(**std::move(code)));
}

absl::StatusOr<std::unique_ptr<Instance>> TorchScriptProgram::Bind(
    const WeightSet& weights, const WeightSet* state) const {
  INVARIANT(weights.size_bytes() >= code_.image_bytes);
  INVARIANT((state == nullptr ? 0 : state->size_bytes()) >= state_bytes());
  INVARIANT(state == nullptr || &state->device() == &weights.device());
  const ActivationScope scope(code_.account);
  auto instance = std::make_unique<TorchScriptInstance>(code_, weights, state);
  RETURN_IF_ERROR(instance->Bind());
  return instance;
}

}  // namespace ferry
