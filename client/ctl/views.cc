#include "client/ctl/views.h"

#include <cstddef>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "client/ctl/json_value.h"
#include "client/ctl/table.h"
#include "client/ctl/words.h"
#include "server/base/absl_view.h"
#include "server/base/bytes.h"

namespace ferry::client {
namespace {

constexpr int kBarWidth = 20;
// Of a long tensor, so many elements from either end are shown.
constexpr size_t kElementsShown = 3;
constexpr size_t kTextShownMax = 200;

std::string On(const Model& model) {
  if (!model.move) return PlacesText(model.serving_on);
  return absl::StrCat(PlacesText(model.move->from), " > ",
                      PlacesText(model.move->to));
}

std::string Memory(const Model& model) {
  return absl::StrJoin(
      model.bytes, ", ", [](std::string* out, const DeviceBytes& bytes) {
        absl::StrAppend(out, bytes.device, " ", FormatBytes(bytes.size_bytes));
      });
}

std::string Shortened(std::string text) {
  if (text.size() <= kTextShownMax) return text;
  return text.substr(0, kTextShownMax) + "...";
}

// "float32 [1, 1024]  0.1 0.2 0.3 ... 0.7 0.8 0.9".
std::string TensorView(const Tensor& tensor) {
  std::string text = absl::StrCat(AbslView(TorchName(tensor.dtype)), " [",
                                  absl::StrJoin(tensor.shape, ", "), "] ");
  const size_t count = tensor.data.size() / SizeBytes(tensor.dtype);
  for (size_t i = 0; i < count; ++i) {
    if (count > 2 * kElementsShown && i == kElementsShown) {
      text += " ...";
      i = count - kElementsShown;
    }
    const Json element = ElementToJson(tensor, i);
    absl::StrAppend(
        &text, " ",
        element.is_string() ? element.get<std::string>() : element.dump());
  }
  return text;
}

// One line for each tensor in the value, each named by its place.
void AppendLines(const std::string& place, const Value& value, Table& table) {
  if (const auto* tensor = std::get_if<Tensor>(&value.value)) {
    table.rows.push_back({{place, TensorView(*tensor)}});
  } else if (const auto* list = std::get_if<Value::List>(&value.value)) {
    for (size_t i = 0; i < list->size(); ++i) {
      AppendLines(absl::StrCat(place, ".", i), (*list)[i], table);
    }
  } else if (const auto* tuple = std::get_if<Value::Tuple>(&value.value)) {
    for (size_t i = 0; i < tuple->elements.size(); ++i) {
      const std::string name =
          tuple->names.empty() ? absl::StrCat(i) : tuple->names[i];
      AppendLines(absl::StrCat(place, ".", name), tuple->elements[i], table);
    }
  } else if (const auto* dict = std::get_if<Value::Dict>(&value.value)) {
    for (const auto& [key, element] : *dict) {
      AppendLines(absl::StrCat(place, ".", key), element, table);
    }
  } else {
    table.rows.push_back({{place, Shortened(ValueToJson(value).dump())}});
  }
}

std::string Details(const MoveReport& report) {
  // A switch to a copy that was kept moves no bytes.
  std::string text = absl::StrCat(report.size_bytes == 0
                                      ? "nothing to copy, "
                                      : FormatBytes(report.size_bytes) + " in ",
                                  SecondsText(report.total), " s");
  if (report.bytes_per_second > 0) {
    absl::StrAppend(&text, ", ", RateText(report.bytes_per_second), " GB/s");
  }
  if (report.efficiency > 0) {
    absl::StrAppend(&text, " (", PercentText(report.efficiency),
                    " of the link)");
  }
  if (report.verified) absl::StrAppend(&text, ", verified");
  return text;
}

// Nothing where there was nothing to verify.
std::string VerifiedText(const MoveReport& move) {
  if (move.verified) return "yes";
  return move.code == "OK" && move.size_bytes > 0 ? "no" : "";
}

}  // namespace

std::string ModelsView(const std::vector<Model>& models) {
  Table table{.columns = {{"NAME"},
                          {"VERSION", true},
                          {"STATE"},
                          {"ON"},
                          {"WEIGHTS", true},
                          {"ACTIVATIONS", true},
                          {"IN MEMORY"},
                          {"PATH"},
                          {"NOTE"}}};
  for (const Model& model : models) {
    std::string note;
    if (!model.last_error.empty()) note = "last error: " + model.last_error;
    table.rows.push_back(
        {{model.name, model.version > 0 ? absl::StrCat(model.version) : "",
          model.state, On(model), FormatBytes(model.weight_bytes),
          FormatBytes(model.activation_peak_bytes), Memory(model), model.path,
          model.stateful ? "stateful" : ""},
         note});
  }
  return RenderTable(table);
}

std::string DevicesView(const std::vector<Device>& devices) {
  Table table{.columns = {{"DEVICE"},
                          {"USED", true},
                          {"OF BUDGET", true},
                          {""},
                          {"LARGEST GAP", true},
                          {"IN GB/S", true},
                          {"OUT GB/S", true},
                          {"MODELS"},
                          {"NOTE"}}};
  for (const Device& device : devices) {
    std::string note;
    if (!device.healthy) note = "last error: " + device.error;
    table.rows.push_back(
        {{device.name, FormatBytes(device.used_bytes),
          FormatBytes(device.capacity_bytes),
          BarText(device.used_bytes, device.capacity_bytes, kBarWidth),
          FormatBytes(device.largest_free_bytes),
          RateText(device.copy_in_bytes_per_second),
          RateText(device.copy_out_bytes_per_second), PlacesText(device.models),
          device.healthy ? "" : "failed"},
         note});
  }
  return RenderTable(table);
}

std::string MovesView(const std::vector<MoveReport>& moves) {
  Table table{.columns = {{"MODEL"},
                          {"FROM"},
                          {"TO"},
                          {"BYTES", true},
                          {"SECONDS", true},
                          {"GB/S", true},
                          {"OF LINK", true},
                          {"VERIFIED"},
                          {"CODE"}}};
  for (const MoveReport& move : moves) {
    table.rows.push_back(
        {{move.model, PlacesText(move.from), PlacesText(move.to),
          FormatBytes(move.size_bytes), SecondsText(move.total),
          RateText(move.bytes_per_second), PercentText(move.efficiency),
          VerifiedText(move), move.code},
         move.error});
  }
  return RenderTable(table);
}

std::string OutcomeView(const MoveOutcome& outcome) {
  std::string text = absl::StrCat(outcome.model.name, " serves on ",
                                  PlacesText(outcome.model.serving_on), ": ");
  absl::StrAppend(&text,
                  outcome.report ? Details(*outcome.report) : "it did already");
  return text + "\n";
}

std::string AnswerView(const InferAnswer& answer, absl::Duration elapsed) {
  Table table{.columns = {{"OUTPUT"}, {"VALUE"}}};
  for (const NamedValue& output : answer.outputs) {
    AppendLines(output.name, output.value, table);
  }
  return absl::StrCat(answer.model, " version ", answer.version, " on ",
                      answer.device, ", ", LatencyText(elapsed), "\n",
                      RenderTable(table));
}

}  // namespace ferry::client
