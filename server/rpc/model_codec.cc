#include "server/rpc/model_codec.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

#include "server/registry/move_record.h"

namespace ferry {
namespace {

// The enums are declared in the same order; ours start at 0, the wire's at 1.
static_assert(static_cast<int>(ModelState::kCold) + 1 == v1::MODEL_STATE_COLD);
static_assert(static_cast<int>(ModelState::kLeaving) + 1 ==
              v1::MODEL_STATE_LEAVING);
static_assert(static_cast<int>(ShapeSource::kUnknown) + 1 ==
              v1::SHAPE_SOURCE_UNKNOWN);
static_assert(static_cast<int>(ShapeSource::kLearned) + 1 ==
              v1::SHAPE_SOURCE_LEARNED);

void EncodeDuration(absl::Duration duration,
                    google::protobuf::Duration& message) {
  message.set_seconds(
      absl::IDivDuration(duration, absl::Seconds(1), &duration));
  message.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
}

void EncodeTime(absl::Time time, google::protobuf::Timestamp& message) {
  const int64_t seconds = absl::ToUnixSeconds(time);  // Rounds down.
  message.set_seconds(seconds);
  message.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

void EncodeArgument(const Argument& argument, v1::Argument& message) {
  message.set_name(argument.name);
  message.set_type(argument.type);
  message.set_required(argument.required);
  message.set_datatype(argument.datatype);
}

void EncodeShape(const TensorSpec& shape, v1::TensorShape& message) {
  message.set_name(shape.name);
  message.set_datatype(shape.datatype);
  message.mutable_shape()->Add(shape.shape.begin(), shape.shape.end());
  message.set_list_size(shape.list_size);
}

void EncodeSignature(const Signature& signature, v1::Signature& message) {
  for (const Argument& input : signature.inputs) {
    EncodeArgument(input, *message.add_inputs());
  }
  for (const Argument& output : signature.outputs) {
    EncodeArgument(output, *message.add_outputs());
  }
  message.set_shape_source(static_cast<v1::ShapeSource>(
      static_cast<int>(signature.shape_source) + 1));
  for (const TensorSpec& shape : signature.input_shapes) {
    EncodeShape(shape, *message.add_input_shapes());
  }
  for (const TensorSpec& shape : signature.output_shapes) {
    EncodeShape(shape, *message.add_output_shapes());
  }
  message.mutable_host_inputs()->Add(signature.host_inputs.begin(),
                                     signature.host_inputs.end());
}

void EncodePlaces(const std::vector<Place>& places,
                  google::protobuf::RepeatedPtrField<std::string>& names) {
  for (std::string& name : PlaceNames(places)) *names.Add() = std::move(name);
}

void EncodeProgress(const MoveProgress& move, v1::MoveProgress& message) {
  EncodePlaces(move.from, *message.mutable_from());
  EncodePlaces(move.to, *message.mutable_to());
  message.set_step(std::string(StepName(move.step)));
  message.set_done_bytes(move.done_bytes);
  message.set_total_bytes(move.total_bytes);
  EncodeTime(move.started_at, *message.mutable_started_at());
}

}  // namespace

void EncodeModel(const ModelSnapshot& model, v1::Model& message) {
  message.set_name(model.id.name);
  message.set_version(model.id.version);
  message.set_state(
      static_cast<v1::ModelState>(static_cast<int>(model.state) + 1));
  message.set_path(model.path);
  for (const DeviceId device : model.serving_on) {
    message.add_serving_on(device.ToString());
  }
  for (const auto& [device, size_bytes] : model.bytes) {
    v1::DeviceBytes& bytes = *message.add_bytes();
    bytes.set_device(device.ToString());
    bytes.set_size_bytes(size_bytes);
  }
  message.set_weight_bytes(model.weight_bytes);
  message.set_activation_peak_bytes(model.activation_peak_bytes);
  message.set_stateful(model.stateful);
  EncodeSignature(model.signature == nullptr ? Signature() : *model.signature,
                  *message.mutable_signature());
  if (model.move.has_value()) {
    EncodeProgress(*model.move, *message.mutable_move());
  }
  message.set_last_error(model.last_error);
  if (model.loaded_at != absl::Time()) {
    EncodeTime(model.loaded_at, *message.mutable_loaded_at());
  }
}

void EncodeReport(const MoveReport& report, v1::MoveReport& message) {
  const auto step = [&](MoveStep step) {
    return report.steps[static_cast<int>(step)];
  };
  message.set_model(report.model.name);
  message.set_version(report.model.version);
  EncodePlaces(report.from, *message.mutable_from());
  EncodePlaces(report.to, *message.mutable_to());
  message.set_size_bytes(report.size_bytes);
  EncodeDuration(step(MoveStep::kDecide), *message.mutable_decide());
  EncodeDuration(step(MoveStep::kQueue), *message.mutable_queue());
  EncodeDuration(step(MoveStep::kCopy), *message.mutable_copy());
  EncodeDuration(step(MoveStep::kVerify), *message.mutable_verify());
  EncodeDuration(step(MoveStep::kWarmup), *message.mutable_warmup());
  EncodeDuration(step(MoveStep::kSwitch), *message.mutable_switch_());
  EncodeDuration(step(MoveStep::kDrain), *message.mutable_drain());
  EncodeDuration(report.total, *message.mutable_total());
  message.set_bytes_per_second(report.bytes_per_second);
  message.set_efficiency(report.efficiency);
  message.set_verified(report.verified);
  EncodeTime(report.ended_at, *message.mutable_ended_at());
  message.set_code(absl::StatusCodeToString(report.status.code()));
  message.set_error(std::string(report.status.message()));
  message.set_chunks_refilled(report.chunks_refilled);
}

}  // namespace ferry
