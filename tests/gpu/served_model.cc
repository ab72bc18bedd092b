#include "tests/gpu/served_model.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include <ATen/Functions.h>

#include "server/executors/torch/torch_types.h"
#include "tests/executors/model_file.h"

namespace ferry {
namespace {

namespace fs = std::filesystem;

void Append(const Value& value, std::vector<double>& numbers) {
  if (const auto* view = std::get_if<TensorView>(&value.value)) {
    if (view->bytes.empty()) return;
    const at::Tensor tensor =
        at::from_blob(const_cast<std::byte*>(view->bytes.data()), view->shape,
                      at::TensorOptions(ToScalarType(view->dtype)))
            .to(at::kDouble)
            .contiguous();
    const double* const first = tensor.const_data_ptr<double>();
    numbers.insert(numbers.end(), first, first + tensor.numel());
  } else if (const auto* list = std::get_if<Value::List>(&value.value)) {
    for (const Value& element : *list) Append(element, numbers);
  } else if (const auto* tuple = std::get_if<Value::Tuple>(&value.value)) {
    for (const Value& element : tuple->elements) Append(element, numbers);
  } else if (const auto* dict = std::get_if<Value::Dict>(&value.value)) {
    for (const DictEntry& entry : *dict) Append(entry.value, numbers);
  } else if (const auto* integer = std::get_if<int64_t>(&value.value)) {
    numbers.push_back(static_cast<double>(*integer));
  } else if (const auto* number = std::get_if<double>(&value.value)) {
    numbers.push_back(*number);
  } else if (const auto* truth = std::get_if<bool>(&value.value)) {
    numbers.push_back(*truth ? 1 : 0);
  }
}

}  // namespace

std::vector<std::string> CheckedModels(const std::string& folder) {
  std::vector<std::string> names;
  if (folder.empty()) return names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".out.pt")) continue;
    const std::string model = name.substr(0, name.size() - 7);
    if (fs::exists(fs::path(folder) / (model + ".pt")) &&
        fs::exists(fs::path(folder) / (model + ".in.pt"))) {
      names.push_back(model);
    }
  }
  std::ranges::sort(names);
  return names;
}

absl::StatusOr<Answer> Ask(TestPool& pool, const std::string& model,
                           const std::vector<c10::IValue>& inputs) {
  auto snapshot = pool.table->Get(model);
  if (!snapshot.ok()) return snapshot.status();
  auto admission = pool.table->Admit(model, 0);
  if (!admission.ok()) return admission.status();
  ModelTable::Pin pin;
  while (!pin) {
    const ModelTable::Devices devices = pool.table->Where(*admission);
    if (devices.empty()) return pool.table->WhyNowhere(*admission);
    pin = pool.table->PinOn(*admission, devices.front());
  }
  const std::vector<NamedValue> named = ToInputs(*snapshot->signature, inputs);
  auto result = pin.instance().Run(named);
  if (absl::IsInternal(result.status())) {
    pool.table->AskHealth(pin.instance().device());
  }
  if (!result.ok()) return result.status();
  if (pin.wants_exemplar())
    pool.table->Learn(pin, absl::ZeroDuration(), named, result->outputs());
  Answer answer{.device = pin.device(), .numbers = {}};
  for (const NamedValue& output : result->outputs()) {
    Append(output.value, answer.numbers);
  }
  return answer;
}

std::vector<double> NumbersOf(const std::vector<c10::IValue>& values) {
  std::vector<double> numbers;
  for (const c10::IValue& value : values) Append(ToValue(value), numbers);
  return numbers;
}

double Distance(const std::vector<double>& a, const std::vector<double>& b) {
  constexpr double kApart = std::numeric_limits<double>::infinity();
  if (a.size() != b.size()) return kApart;
  double difference = 0;
  double largest = 1e-30;
  for (size_t i = 0; i < a.size(); ++i) {
    // The same, NaNs and infinities included.
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) {
      if (std::isfinite(b[i])) largest = std::max(largest, std::abs(b[i]));
      continue;
    }
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) return kApart;
    largest = std::max(largest, std::abs(b[i]));
    difference = std::max(difference, std::abs(a[i] - b[i]));
  }
  return difference / largest;
}

}  // namespace ferry
