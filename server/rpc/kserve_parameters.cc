#include "server/rpc/kserve_parameters.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

#include "server/base/absl_view.h"
#include "server/base/ids.h"
#include "server/base/status_macros.h"

namespace ferry {
namespace {

using Parameter = inference::InferParameter;
using Parameters = google::protobuf::Map<std::string, Parameter>;

constexpr std::array<std::string_view, 3> kSharedMemory = {
    "shared_memory_region", "shared_memory_offset", "shared_memory_byte_size"};
constexpr std::array<std::string_view, 3> kSequence = {
    "sequence_id", "sequence_start", "sequence_end"};

// What clients send to say that they do not mean it.
bool IsUnset(const Parameter& parameter) {
  switch (parameter.parameter_choice_case()) {
    case Parameter::kBoolParam:
      return !parameter.bool_param();
    case Parameter::kInt64Param:
      return parameter.int64_param() == 0;
    case Parameter::kUint64Param:
      return parameter.uint64_param() == 0;
    case Parameter::kStringParam:
      return parameter.string_param().empty();
    case Parameter::kDoubleParam:
      return parameter.double_param() == 0;
    case Parameter::PARAMETER_CHOICE_NOT_SET:
      break;
  }
  return true;
}

absl::Status CheckTensorParameters(std::string_view kind,
                                   const std::string& name,
                                   const Parameters& parameters) {
  if (parameters.empty()) return absl::OkStatus();
  for (const std::string_view key : kSharedMemory) {
    if (parameters.count(std::string(key)) == 0) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        AbslView(kind), " ", Shown(name),
        ": shared memory is not served here; send the tensor itself"));
  }
  const auto classification = parameters.find("classification");
  if (classification != parameters.end() && !IsUnset(classification->second)) {
    return absl::UnimplementedError(
        absl::StrCat(AbslView(kind), " ", Shown(name),
                     ": classification is not served here; ask for the tensor "
                     "and sort it"));
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::Duration> ReadTimeout(const Parameter& parameter) {
  int64_t microseconds = -1;
  if (parameter.has_int64_param()) {
    microseconds = parameter.int64_param();
  } else if (parameter.has_uint64_param()) {
    constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
    microseconds =
        static_cast<int64_t>(std::min(parameter.uint64_param(), kMax));
  }
  if (microseconds < 0) {
    return absl::InvalidArgumentError(
        "parameter \"timeout\": must be a whole number of microseconds, 0 for "
        "none");
  }
  return microseconds == 0 ? absl::InfiniteDuration()
                           : absl::Microseconds(microseconds);
}

absl::Status CheckRequestedOutputs(
    const inference::ModelInferRequest& request) {
  absl::flat_hash_set<absl::string_view> names;
  for (const auto& output : request.outputs()) {
    if (output.name().empty()) {
      return absl::InvalidArgumentError("a requested output has no name");
    }
    if (!names.insert(output.name()).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("output ", Shown(output.name()), " is requested twice"));
    }
    RETURN_IF_ERROR(
        CheckTensorParameters("output", output.name(), output.parameters()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<KServeParameters> ReadKServeParameters(
    const inference::ModelInferRequest& request) {
  KServeParameters read;
  const Parameters& parameters = request.parameters();
  if (!parameters.empty()) {
    for (const std::string_view key : kSequence) {
      const auto found = parameters.find(std::string(key));
      if (found == parameters.end() || IsUnset(found->second)) continue;
      return absl::UnimplementedError(
          absl::StrCat("parameter \"", AbslView(key),
                       "\": sequences are not served here; a model that keeps "
                       "state serves one client at a time"));
    }
    const auto timeout = parameters.find("timeout");
    if (timeout != parameters.end()) {
      ASSIGN_OR_RETURN(read.timeout, ReadTimeout(timeout->second));
    }
  }
  for (const auto& input : request.inputs()) {
    RETURN_IF_ERROR(
        CheckTensorParameters("input", input.name(), input.parameters()));
  }
  RETURN_IF_ERROR(CheckRequestedOutputs(request));
  return read;
}

}  // namespace ferry
