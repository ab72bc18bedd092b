#include "server/rpc/kserve_outputs.h"

#include <array>
#include <bit>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

#include "server/base/absl_view.h"
#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/rpc/tensor_codec.h"
#include "server/values/flat_names.h"

namespace ferry {
namespace {

static_assert(std::endian::native == std::endian::little,
              "tensors travel as little-endian bytes");

using Output = inference::ModelInferResponse::InferOutputTensor;

// Walks a value and adds a tensor for each leaf that is asked for.
class Encoder {
 public:
  Encoder(const inference::ModelInferRequest& request, uint64_t size_max_bytes,
          inference::ModelInferResponse& response)
      : request_(request),
        size_max_bytes_(size_max_bytes),
        response_(response) {
    for (const auto& output : request.outputs()) {
      asked_.try_emplace(output.name(), false);
    }
  }

  absl::Status Encode(const NamedValue& output) {
    name_ = output.name;
    return EncodeHere(output.value);
  }

  absl::Status CheckAllMatched(std::span<const NamedValue> outputs) const {
    for (const auto& asked : request_.outputs()) {
      if (asked_.at(asked.name())) continue;
      std::string names;
      for (const NamedValue& output : outputs) {
        absl::StrAppend(&names, names.empty() ? "" : ", ", Shown(output.name));
      }
      return absl::InvalidArgumentError(
          absl::StrCat("output ", Shown(asked.name()),
                       ": the model gives no such output; it gives ", names));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status EncodeHere(const Value& value) {
    return std::visit(
        [&]<typename T>(const T& kind) {
          if constexpr (kNests<T>) {
            return AddNested(value);
          } else {
            return Add(kind);
          }
        },
        value.value);
  }

  absl::Status AddNested(const Value& value) {
    Wanted();  // There, even when it is empty.
    absl::Status status;
    ForEachNamed(value, name_, [&](const Value& child) {
      status = EncodeHere(child);
      return status.ok();
    });
    return status;
  }

  absl::Status Add(const None&) {
    Wanted();  // There, with nothing to show.
    return absl::OkStatus();
  }
  absl::Status Add(const TensorView& view) {
    if (!Wanted()) return absl::OkStatus();
    const std::string_view datatype = KServeName(view.dtype);
    if (datatype.empty()) {
      return absl::UnimplementedError(absl::StrCat(
          "output ", Shown(name_), ": KServe v2 has no datatype for ",
          AbslView(TorchName(view.dtype)), "; ferry.v1 has"));
    }
    return AddTensor(
        datatype, view.shape,
        {reinterpret_cast<const char*>(view.bytes.data()), view.bytes.size()});
  }
  absl::Status Add(int64_t number) { return AddNumber("INT64", number); }
  absl::Status Add(double number) { return AddNumber("FP64", number); }
  absl::Status Add(bool truth) { return AddNumber("BOOL", truth); }
  absl::Status Add(const std::string& text) {
    if (!Wanted()) return absl::OkStatus();
    const auto size_bytes = static_cast<uint32_t>(text.size());
    if (size_bytes != text.size()) {
      return AnswerTooLarge(text.size(), size_max_bytes_);
    }
    std::string raw(reinterpret_cast<const char*>(&size_bytes),
                    sizeof(size_bytes));
    raw += text;
    return AddTensor("BYTES", kOne, raw);
  }
  template <typename T>
  absl::Status AddNumber(std::string_view datatype, T number) {
    if (!Wanted()) return absl::OkStatus();
    return AddTensor(datatype, kOne,
                     {reinterpret_cast<const char*>(&number), sizeof(number)});
  }

  // Whether the present place is asked for, or one that it is in; marks what
  // asked for it. How many ask is up to the client, so they are looked up.
  bool Wanted() {
    if (asked_.empty()) return true;
    bool wanted = false;
    const absl::string_view name = name_;
    for (size_t end = 0; end != name.npos;) {
      end = name.find('.', end + 1);
      const auto asked = asked_.find(name.substr(0, end));
      if (asked == asked_.end()) continue;
      asked->second = true;
      wanted = true;
    }
    return wanted;
  }

  absl::Status AddTensor(std::string_view datatype,
                         std::span<const int64_t> shape, std::string_view raw) {
    size_bytes_ += raw.size() + name_.size();
    if (size_bytes_ > size_max_bytes_) {
      return AnswerTooLarge(size_bytes_, size_max_bytes_);
    }
    Output& output = *response_.add_outputs();
    output.set_name(name_);
    output.set_datatype(datatype.data(), datatype.size());
    output.mutable_shape()->Add(shape.begin(), shape.end());
    response_.add_raw_output_contents(raw.data(), raw.size());
    return absl::OkStatus();
  }

  static constexpr std::array<int64_t, 1> kOne = {1};

  const inference::ModelInferRequest& request_;
  const uint64_t size_max_bytes_;
  inference::ModelInferResponse& response_;
  uint64_t size_bytes_ = 0;
  // The names that are asked for, and whether there is such an output.
  absl::flat_hash_map<absl::string_view, bool> asked_;
  std::string name_;  // Of the present place.
};

}  // namespace

absl::Status EncodeKServeOutputs(std::span<const NamedValue> outputs,
                                 const inference::ModelInferRequest& request,
                                 uint64_t size_max_bytes,
                                 inference::ModelInferResponse& response) {
  Encoder encoder(request, size_max_bytes, response);
  for (const NamedValue& output : outputs) {
    RETURN_IF_ERROR(encoder.Encode(output));
  }
  return encoder.CheckAllMatched(outputs);
}

}  // namespace ferry
