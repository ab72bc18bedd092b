#include "client/ctl/json_view.h"

#include "client/ctl/json_value.h"

namespace ferry::client {
namespace {

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

double Seconds(absl::Duration duration) {
  return absl::ToDoubleSeconds(duration);
}

Json ArgumentsJson(const std::vector<Argument>& arguments) {
  Json array = Json::array();
  for (const Argument& argument : arguments) {
    array.push_back({{"name", argument.name},
                     {"type", argument.type},
                     {"required", argument.required},
                     {"datatype", argument.datatype}});
  }
  return array;
}

Json ShapesJson(const std::vector<TensorShape>& shapes) {
  Json array = Json::array();
  for (const TensorShape& shape : shapes) {
    array.push_back({{"name", shape.name},
                     {"datatype", shape.datatype},
                     {"shape", shape.shape},
                     {"list_size", shape.list_size}});
  }
  return array;
}

Json SignatureJson(const Signature& signature) {
  return {{"inputs", ArgumentsJson(signature.inputs)},
          {"outputs", ArgumentsJson(signature.outputs)},
          {"shape_source", signature.shape_source},
          {"input_shapes", ShapesJson(signature.input_shapes)},
          {"output_shapes", ShapesJson(signature.output_shapes)},
          {"host_inputs", signature.host_inputs}};
}

Json ProgressJson(const std::optional<MoveProgress>& move) {
  if (!move) return nullptr;
  return {{"from", move->from},
          {"to", move->to},
          {"step", move->step},
          {"done_bytes", move->done_bytes},
          {"total_bytes", move->total_bytes},
          {"started_at", TimeText(move->started_at)}};
}

}  // namespace

Json ToJson(const Model& model) {
  Json bytes = Json::array();
  for (const DeviceBytes& on : model.bytes) {
    bytes.push_back({{"device", on.device}, {"size_bytes", on.size_bytes}});
  }
  return {{"name", model.name},
          {"version", model.version},
          {"state", model.state},
          {"path", model.path},
          {"serving_on", model.serving_on},
          {"bytes", std::move(bytes)},
          {"weight_bytes", model.weight_bytes},
          {"activation_peak_bytes", model.activation_peak_bytes},
          {"stateful", model.stateful},
          {"signature", SignatureJson(model.signature)},
          {"move", ProgressJson(model.move)},
          {"last_error", model.last_error},
          {"loaded_at",
           model.loaded_at ? Json(TimeText(*model.loaded_at)) : Json()}};
}

Json ToJson(const Device& device) {
  return {{"name", device.name},
          {"capacity_bytes", device.capacity_bytes},
          {"used_bytes", device.used_bytes},
          {"largest_free_bytes", device.largest_free_bytes},
          {"models", device.models},
          {"healthy", device.healthy},
          {"error", device.error},
          {"copy_in_bytes_per_second", device.copy_in_bytes_per_second},
          {"copy_out_bytes_per_second", device.copy_out_bytes_per_second}};
}

Json ToJson(const MoveReport& report) {
  return {{"model", report.model},
          {"from", report.from},
          {"to", report.to},
          {"size_bytes", report.size_bytes},
          {"decide_seconds", Seconds(report.decide)},
          {"queue_seconds", Seconds(report.queue)},
          {"copy_seconds", Seconds(report.copy)},
          {"verify_seconds", Seconds(report.verify)},
          {"warmup_seconds", Seconds(report.warmup)},
          {"switch_seconds", Seconds(report.switching)},
          {"drain_seconds", Seconds(report.drain)},
          {"total_seconds", Seconds(report.total)},
          {"bytes_per_second", report.bytes_per_second},
          {"efficiency", report.efficiency},
          {"verified", report.verified},
          {"ended_at", TimeText(report.ended_at)},
          {"code", report.code},
          {"error", report.error},
          {"chunks_refilled", report.chunks_refilled}};
}

Json ToJson(const std::optional<MoveReport>& report) {
  return report ? ToJson(*report) : Json();
}

Json ToJson(const InferAnswer& answer, absl::Duration elapsed) {
  Json outputs = Json::object();
  for (const NamedValue& output : answer.outputs) {
    outputs[output.name] = ValueToJson(output.value);
  }
  return {{"model", answer.model},
          {"version", answer.version},
          {"device", answer.device},
          {"seconds", Seconds(elapsed)},
          {"outputs", std::move(outputs)}};
}

}  // namespace ferry::client
