#include "server/formats/signature_file.h"

#include <algorithm>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/formats/refusal.h"
#include "server/values/dtype.h"
#include "server/values/value.h"

namespace ferry {
namespace {

using Json = nlohmann::json;

constexpr int kJsonDepthMax = 8;

bool IsDatatype(std::string_view name) {
  return name == "BYTES" || ParseKServeName(name).ok();
}

// nlohmann's "[json.exception.parse_error.101] parse error at line 3, column
// 1: ..." without its own names for things.
std::string_view WithoutPrefix(std::string_view error) {
  const size_t at = error.find("at line ");
  return at == error.npos ? error : error.substr(at);
}

// The text as JSON, without the freedoms that JSON leaves: nlohmann keeps the
// last of two equal keys and nests without limit.
absl::StatusOr<Json> ParseStrictly(std::string_view text) {
  absl::Status refusal;
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > kJsonDepthMax && refusal.ok()) {
      refusal = Refusal("it is nested deeper than ", kJsonDepthMax);
    }
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key) {
      const std::string& key = value.get_ref<const std::string&>();
      if (!keys.back().insert(key).second && refusal.ok()) {
        refusal = Refusal("it has the key ", Shown(key), " twice");
      }
    }
    // Values behind a refusal are dropped, so they cost no memory.
    return refusal.ok() || event == Json::parse_event_t::key;
  };
  try {
    Json json = Json::parse(text.begin(), text.end(), watch);
    RETURN_IF_ERROR(refusal);
    return json;
  } catch (const Json::exception& error) {
    RETURN_IF_ERROR(refusal);
    return Refusal("it is not JSON, ", WithoutPrefix(error.what()));
  }
}

using Keys = std::set<std::string_view>;

absl::Status CheckKeys(const Json& object, std::string_view place,
                       const Keys& required, const Keys& optional) {
  if (!object.is_object()) return Refusal(place, ": it is not an object");
  for (const auto& entry : object.items()) {
    if (!required.contains(entry.key()) && !optional.contains(entry.key())) {
      return Refusal(place, ": it has an unknown key ", Shown(entry.key()));
    }
  }
  for (const std::string_view key : required) {
    if (!object.contains(key)) return Refusal(place, ": it has no ", key);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int64_t>> ParseShape(const Json& shape,
                                                std::string_view place) {
  if (!shape.is_array()) return Refusal(place, ".shape: it is not a list");
  if (shape.size() > kRankMax) {
    return Refusal(place, ".shape: it has ", shape.size(),
                   " dimensions; at most ", kRankMax, " are allowed");
  }
  std::vector<int64_t> sizes;
  for (const Json& size : shape) {
    const bool fits = size.is_number_integer() &&
                      (!size.is_number_unsigned() ||
                       size.get<uint64_t>() <= uint64_t{INT64_MAX});
    if (!fits || size.get<int64_t>() < -1) {
      return Refusal(place, ".shape: ", Shown(size.dump()),
                     " is not a size; give a whole number, or -1 for any");
    }
    sizes.push_back(size.get<int64_t>());
  }
  return sizes;
}

// `on_host` are those that say "device": "cpu"; null where that may not be
// said.
absl::StatusOr<TensorSpec> ParseTensor(const Json& json, std::string_view place,
                                       std::vector<std::string>* on_host) {
  RETURN_IF_ERROR(CheckKeys(json, place, {"name", "datatype", "shape"},
                            on_host != nullptr ? Keys{"device"} : Keys{}));
  if (!json["name"].is_string() || !json["datatype"].is_string()) {
    return Refusal(place, ": its name and datatype must be texts");
  }
  TensorSpec tensor = {.name = json["name"].get<std::string>(),
                       .datatype = json["datatype"].get<std::string>(),
                       .shape = {}};
  if (tensor.name.empty() || tensor.name.size() > kTensorNameLengthMax) {
    return Refusal(place, ".name: it has ", tensor.name.size(), " bytes; 1 to ",
                   kTensorNameLengthMax, " are allowed");
  }
  if (!IsDatatype(tensor.datatype)) {
    return Refusal(place, ".datatype: ", Shown(tensor.datatype),
                   " is not one of BOOL, UINT8 to UINT64, INT8 to INT64, FP16, "
                   "FP32, FP64, BF16, BYTES");
  }
  ASSIGN_OR_RETURN(tensor.shape, ParseShape(json["shape"], place));
  if (json.contains("device")) {
    if (json["device"] != "cpu") {
      return Refusal(place, ".device: ", Shown(json["device"].dump()),
                     " is not \"cpu\"; without it the tensor goes where the "
                     "model is");
    }
    on_host->push_back(tensor.name);
  }
  return tensor;
}

absl::StatusOr<std::vector<TensorSpec>> ParseTensors(
    const Json& json, const char* key, std::vector<std::string>* on_host) {
  if (!json.contains(key)) return std::vector<TensorSpec>();
  const Json& list = json[key];
  if (!list.is_array()) return Refusal(key, ": it is not a list");
  if (list.size() > kSignatureTensorsMax) {
    return Refusal(key, ": it has ", list.size(), " tensors; at most ",
                   kSignatureTensorsMax, " are allowed");
  }
  std::vector<TensorSpec> tensors;
  std::set<std::string> names;
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string place = absl::StrCat(key, "[", i, "]");
    ASSIGN_OR_RETURN(TensorSpec tensor, ParseTensor(list[i], place, on_host));
    if (!names.insert(tensor.name).second) {
      return Refusal(place, ".name: ", Shown(tensor.name), " is there twice");
    }
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

absl::StatusOr<SignatureFile> Parse(std::string_view text) {
  ASSIGN_OR_RETURN(const Json json, ParseStrictly(text));
  RETURN_IF_ERROR(CheckKeys(json, "the file", {}, {"inputs", "outputs"}));
  SignatureFile file;
  ASSIGN_OR_RETURN(file.inputs,
                   ParseTensors(json, "inputs", &file.host_inputs));
  ASSIGN_OR_RETURN(file.outputs, ParseTensors(json, "outputs", nullptr));
  return file;
}

}  // namespace

absl::StatusOr<SignatureFile> ParseSignatureFile(std::string_view text,
                                                 const std::string& path) {
  absl::StatusOr<SignatureFile> file = Parse(text);
  if (!file.ok()) return InFile(path, file.status());
  file->path = path;
  return file;
}

absl::Status Declare(const SignatureFile& file, Signature& signature) {
  for (const TensorSpec& tensor : file.inputs) {
    if (signature.FindInput(tensor.name) != nullptr) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(file.path, ": it names an input ", Shown(tensor.name),
                     " that the model's forward does not take"));
  }
  signature.shape_source = ShapeSource::kSidecar;
  signature.input_shapes = file.inputs;
  signature.output_shapes = file.outputs;
  return absl::OkStatus();
}

}  // namespace ferry
