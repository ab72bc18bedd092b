#include "server/registry/exemplar.h"

#include <string>
#include <variant>

#include "server/values/flat_names.h"

namespace ferry {
namespace {

// What a copy of a value keeps in memory.
uint64_t CopyBytes(const Value& value) {
  uint64_t total_bytes = sizeof(value);
  if (const auto* tensor = std::get_if<TensorView>(&value.value)) {
    total_bytes += tensor->bytes.size();
  } else if (const auto* text = std::get_if<std::string>(&value.value)) {
    total_bytes += text->size();
  }
  ForEachChild(value, [&](const Value& child, const std::string& key) {
    total_bytes += key.size() + CopyBytes(child);
    return true;
  });
  return total_bytes;
}

}  // namespace

std::shared_ptr<const Exemplar> Exemplar::Copy(
    std::span<const NamedValue> inputs, uint64_t size_max_bytes) {
  uint64_t total_bytes = 0;
  for (const NamedValue& input : inputs) {
    total_bytes += CopyBytes(input.value);
  }
  if (total_bytes > size_max_bytes) return nullptr;

  std::shared_ptr<Exemplar> exemplar(new Exemplar);
  exemplar->inputs_.assign(inputs.begin(), inputs.end());
  for (NamedValue& input : exemplar->inputs_) exemplar->Adopt(input.value);
  return exemplar;
}

void Exemplar::Adopt(Value& value) {
  if (auto* tensor = std::get_if<TensorView>(&value.value)) {
    bytes_.emplace_back(tensor->bytes.begin(), tensor->bytes.end());
    tensor->bytes = bytes_.back();
    return;
  }
  ForEachChild(value, [&](Value& child, const std::string&) {
    Adopt(child);
    return true;
  });
}

}  // namespace ferry
