#include "client/ctl/infer_command.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

#include "client/ctl/files.h"
#include "client/ctl/json_value.h"
#include "client/ctl/json_view.h"
#include "client/ctl/npy.h"
#include "client/ctl/random_inputs.h"
#include "client/ctl/views.h"
#include "client/ctl/words.h"
#include "server/base/clock.h"
#include "server/base/status_macros.h"

namespace ferry::client {
namespace {

absl::StatusOr<Json> ReadJson(const std::string& file, Console& console) {
  std::string text;
  if (file == "-") {
    text.assign(std::istreambuf_iterator<char>(console.in), {});
  } else {
    ASSIGN_OR_RETURN(text, ReadFile(file));
  }
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_discarded()) return json;
  return absl::InvalidArgumentError(
      absl::StrCat(file == "-" ? "standard input" : file, ": not JSON"));
}

absl::StatusOr<std::vector<NamedValue>> GatherInputs(const CommandLine& line,
                                                     Client& client,
                                                     Console& console,
                                                     std::stop_token stop) {
  std::vector<NamedValue> inputs;
  Signature signature;
  if (!line.input_file.empty() || line.random) {
    ASSIGN_OR_RETURN(Model model, client.Get(line.model, line.version, stop));
    signature = std::move(model.signature);
  }
  if (!line.input_file.empty()) {
    ASSIGN_OR_RETURN(const Json json, ReadJson(line.input_file, console));
    ASSIGN_OR_RETURN(inputs, InputsFromJson(json, signature));
  }
  for (const std::string& npy : line.npy) {
    const size_t equals = npy.find('=');
    const std::string name = npy.substr(0, equals);
    const std::string path = npy.substr(equals + 1);
    if (std::ranges::find(inputs, name, &NamedValue::name) != inputs.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("input ", name, ": given twice"));
    }
    ASSIGN_OR_RETURN(const std::string file, ReadFile(path));
    ASSIGN_OR_RETURN(Tensor tensor, ParseNpy(file, path));
    inputs.push_back({.name = name, .value = Value{std::move(tensor)}});
  }
  if (!line.random) return inputs;
  return RandomInputs(signature, line.seed, std::move(inputs));
}

// A tensor as <name>.npy, anything else as <name>.json; what is in a list, a
// tuple or a dict as <name>.<place>.
absl::Status WriteOutput(const std::string& directory, const std::string& name,
                         const Value& value) {
  const std::string path =
      absl::StrCat(directory, "/", absl::StrReplaceAll(name, {{"/", "_"}}));
  if (const auto* tensor = std::get_if<Tensor>(&value.value)) {
    ASSIGN_OR_RETURN(const std::string file, FormatNpy(*tensor));
    return WriteFile(path + ".npy", file);
  }
  if (const auto* list = std::get_if<Value::List>(&value.value)) {
    for (size_t i = 0; i < list->size(); ++i) {
      RETURN_IF_ERROR(
          WriteOutput(directory, absl::StrCat(name, ".", i), (*list)[i]));
    }
    return absl::OkStatus();
  }
  if (const auto* tuple = std::get_if<Value::Tuple>(&value.value)) {
    for (size_t i = 0; i < tuple->elements.size(); ++i) {
      const std::string place =
          tuple->names.empty() ? absl::StrCat(i) : tuple->names[i];
      RETURN_IF_ERROR(WriteOutput(directory, absl::StrCat(name, ".", place),
                                  tuple->elements[i]));
    }
    return absl::OkStatus();
  }
  if (const auto* dict = std::get_if<Value::Dict>(&value.value)) {
    for (const auto& [key, element] : *dict) {
      RETURN_IF_ERROR(
          WriteOutput(directory, absl::StrCat(name, ".", key), element));
    }
    return absl::OkStatus();
  }
  return WriteFile(path + ".json", ValueToJson(value).dump() + "\n");
}

absl::Status WriteOutputs(const std::string& directory,
                          const InferAnswer& answer) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return absl::NotFoundError(
        absl::StrCat("--out-dir=", directory, ": ", error.message()));
  }
  for (const NamedValue& output : answer.outputs) {
    RETURN_IF_ERROR(WriteOutput(directory, output.name, output.value));
  }
  return absl::OkStatus();
}

void PrintSummary(const LoadSummary& summary, bool json, Console& console) {
  const double seconds = absl::ToDoubleSeconds(summary.elapsed);
  const double rate =
      seconds > 0 ? static_cast<double>(summary.requests) / seconds : 0;
  if (json) {
    const Json object = {
        {"requests", summary.requests},
        {"failed", summary.failed},
        {"changed", summary.changed},
        {"seconds", seconds},
        {"requests_per_second", rate},
        {"p50_seconds", absl::ToDoubleSeconds(summary.p50)},
        {"p99_seconds", absl::ToDoubleSeconds(summary.p99)},
        {"slowest_seconds", absl::ToDoubleSeconds(summary.slowest)}};
    console.out << object.dump() << "\n";
    return;
  }
  console.out << absl::StrFormat(
      "%d requests, %d failed, %d other answers than the first; %s s, %.0f a "
      "second; p50 %s, p99 %s, slowest %s\n",
      summary.requests, summary.failed, summary.changed,
      SecondsText(summary.elapsed), rate, LatencyText(summary.p50),
      LatencyText(summary.p99), LatencyText(summary.slowest));
}

}  // namespace

absl::Status RunInfer(const CommandLine& line, Client& client, Console& console,
                      std::stop_token stop) {
  InferRequest request{
      .model = line.model, .version = line.version, .inputs = {}};
  ASSIGN_OR_RETURN(request.inputs, GatherInputs(line, client, console, stop));
  if (line.is_load) {
    // `stop` ends the run between requests, so that none of them fails by it.
    const LoadSummary summary = RunLoad(
        line.load, [&] { return client.Infer(request); }, stop);
    PrintSummary(summary, line.json, console);
    return summary.first_failure;
  }
  const Stopwatch stopwatch;
  ASSIGN_OR_RETURN(const InferAnswer answer, client.Infer(request, stop));
  const absl::Duration elapsed = stopwatch.Elapsed();
  if (!line.out_dir.empty()) {
    RETURN_IF_ERROR(WriteOutputs(line.out_dir, answer));
  }
  if (line.quiet) return absl::OkStatus();
  if (line.json) {
    console.out << ToJson(answer, elapsed).dump() << "\n";
  } else {
    console.out << AnswerView(answer, elapsed);
  }
  return absl::OkStatus();
}

}  // namespace ferry::client
