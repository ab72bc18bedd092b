#include "server/rpc/kserve_model.h"

#include <algorithm>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"

namespace ferry {
namespace {

constexpr char kPlatform[] = "pytorch_torchscript";
constexpr char kBackend[] = "pytorch";

using Metadata = inference::ModelMetadataResponse::TensorMetadata;

// The flat tensors; the arguments themselves while shapes are not known.
std::vector<TensorShape> Tensors(std::span<const Argument> arguments,
                                 std::span<const TensorShape> shapes) {
  if (!shapes.empty()) return {shapes.begin(), shapes.end()};
  std::vector<TensorShape> tensors;
  for (const Argument& argument : arguments) {
    tensors.push_back({.name = argument.name, .datatype = "", .shape = {}});
  }
  return tensors;
}

void EncodeTensor(const TensorShape& tensor, Metadata& metadata) {
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

// Of the argument that a flat tensor is, or is a part of.
bool IsOptional(const Signature& signature, std::string_view tensor) {
  const std::string_view argument = tensor.substr(0, tensor.find('.'));
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
  const Signature& signature = model.signature;
  response.set_name(model.name);
  response.add_versions(absl::StrCat(model.version));
  response.set_platform(kPlatform);
  for (const TensorShape& tensor :
       Tensors(signature.inputs, signature.input_shapes)) {
    EncodeTensor(tensor, *response.add_inputs());
  }
  for (const TensorShape& tensor :
       Tensors(signature.outputs, signature.output_shapes)) {
    EncodeTensor(tensor, *response.add_outputs());
  }
}

void EncodeKServeConfig(const ModelSnapshot& model,
                        inference::ModelConfig& config) {
  const Signature& signature = model.signature;
  config.set_name(model.name);
  config.set_platform(kPlatform);
  config.set_backend(kBackend);
  config.set_max_batch_size(0);
  config.mutable_version_policy()->mutable_specific()->add_versions(
      model.version);
  config.mutable_model_transaction_policy()->set_decoupled(false);
  for (const TensorShape& tensor :
       Tensors(signature.inputs, signature.input_shapes)) {
    inference::ModelInput& input = *config.add_input();
    input.set_name(tensor.name);
    input.set_data_type(ConfigType(tensor.datatype));
    input.mutable_dims()->Add(tensor.shape.begin(), tensor.shape.end());
    input.set_optional(IsOptional(signature, tensor.name));
  }
  for (const TensorShape& tensor :
       Tensors(signature.outputs, signature.output_shapes)) {
    inference::ModelOutput& output = *config.add_output();
    output.set_name(tensor.name);
    output.set_data_type(ConfigType(tensor.datatype));
    output.mutable_dims()->Add(tensor.shape.begin(), tensor.shape.end());
  }
  EncodeInstances(model, config);
}

}  // namespace ferry
