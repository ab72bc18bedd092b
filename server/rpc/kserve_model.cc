#include "server/rpc/kserve_model.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "server/base/absl_view.h"
#include "server/base/invariant.h"
#include "server/values/flat_names.h"

namespace ferry {
namespace {

constexpr char kBackend[] = "pytorch";

using Metadata = inference::ModelMetadataResponse::TensorMetadata;

// Of an argument of which no shape is known. Numbers and strings need none.
TensorSpec Unknown(const Argument& argument) {
  static constexpr std::array<std::pair<std::string_view, const char*>, 4>
      kScalars = {{{"int", "INT64"},
                   {"float", "FP64"},
                   {"bool", "BOOL"},
                   {"str", "BYTES"}}};
  for (const auto& [type, datatype] : kScalars) {
    const std::string optional = absl::StrCat("Optional[", AbslView(type), "]");
    if (argument.type == type || argument.type == optional) {
      return {.name = argument.name, .datatype = datatype, .shape = {1}};
    }
  }
  return {.name = argument.name, .datatype = argument.datatype, .shape = {}};
}

// Each argument's flat tensors; itself while it has none.
std::vector<TensorSpec> Inputs(const Signature& signature) {
  std::vector<TensorSpec> tensors;
  for (const Argument& argument : signature.inputs) {
    const size_t before = tensors.size();
    std::ranges::copy_if(signature.input_shapes, std::back_inserter(tensors),
                         [&](const TensorSpec& shape) {
                           return ArgumentOf(shape.name) == argument.name;
                         });
    if (tensors.size() == before) tensors.push_back(Unknown(argument));
  }
  return tensors;
}

// What a model gives need not be what its schema names: a dict's entries are
// outputs of their own.
std::vector<TensorSpec> Outputs(const Signature& signature) {
  if (!signature.output_shapes.empty()) return signature.output_shapes;
  std::vector<TensorSpec> tensors;
  std::ranges::transform(signature.outputs, std::back_inserter(tensors),
                         Unknown);
  return tensors;
}

void EncodeTensor(const TensorSpec& tensor, Metadata& metadata) {
  metadata.set_name(tensor.name);
  metadata.set_datatype(tensor.datatype);
  metadata.mutable_shape()->Add(tensor.shape.begin(), tensor.shape.end());
}

inference::DataType ConfigType(const std::string& datatype) {
  inference::DataType type = inference::TYPE_INVALID;
  const std::string name = datatype == "BYTES" ? "STRING" : datatype;
  inference::DataType_Parse(absl::StrCat("TYPE_", name), &type);
  return type;
}

bool IsOptional(const Signature& signature, std::string_view tensor) {
  const std::string_view argument = ArgumentOf(tensor);
  const auto found =
      std::ranges::find(signature.inputs, argument, &Argument::name);
  return found != signature.inputs.end() && !found->required;
}

void EncodeInstances(const ModelSnapshot& model,
                     inference::ModelConfig& config) {
  for (const DeviceId device : model.serving_on) {
    inference::ModelInstanceGroup& group = *config.add_instance_group();
    group.set_name(device.ToString());
    group.set_count(1);
    if (device.kind == DeviceKind::kCuda) {
      group.set_kind(inference::ModelInstanceGroup::KIND_GPU);
      group.add_gpus(device.index);
    } else {
      group.set_kind(inference::ModelInstanceGroup::KIND_CPU);
    }
  }
}

}  // namespace

void EncodeKServeMetadata(const ModelSnapshot& model,
                          inference::ModelMetadataResponse& response) {
  INVARIANT(model.signature != nullptr);
  const Signature& signature = *model.signature;
  response.set_name(model.id.name);
  response.add_versions(absl::StrCat(model.id.version));
  response.set_platform(model.platform);
  for (const TensorSpec& tensor : Inputs(signature)) {
    EncodeTensor(tensor, *response.add_inputs());
  }
  for (const TensorSpec& tensor : Outputs(signature)) {
    EncodeTensor(tensor, *response.add_outputs());
  }
}

void EncodeKServeConfig(const ModelSnapshot& model,
                        inference::ModelConfig& config) {
  INVARIANT(model.signature != nullptr);
  const Signature& signature = *model.signature;
  config.set_name(model.id.name);
  config.set_platform(model.platform);
  config.set_backend(kBackend);
  config.set_max_batch_size(0);
  config.mutable_version_policy()->mutable_specific()->add_versions(
      model.id.version);
  config.mutable_model_transaction_policy()->set_decoupled(false);
  for (const TensorSpec& tensor : Inputs(signature)) {
    inference::ModelInput& input = *config.add_input();
    input.set_name(tensor.name);
    input.set_data_type(ConfigType(tensor.datatype));
    input.mutable_dims()->Add(tensor.shape.begin(), tensor.shape.end());
    input.set_optional(IsOptional(signature, tensor.name));
  }
  for (const TensorSpec& tensor : Outputs(signature)) {
    inference::ModelOutput& output = *config.add_output();
    output.set_name(tensor.name);
    output.set_data_type(ConfigType(tensor.datatype));
    output.mutable_dims()->Add(tensor.shape.begin(), tensor.shape.end());
  }
  EncodeInstances(model, config);
}

}  // namespace ferry
