#include "tests/executors/operator_arguments.h"

#include <array>
#include <limits>

#include <ATen/Functions.h>
#include <ATen/core/jit_type.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace ferry {

namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

// In pairs that meet: a smallest value and a -1 of each type, and zeros.
std::vector<at::Tensor> Tensors() {
  const auto both = [](int64_t a, int64_t b, at::ScalarType type) {
    return at::tensor({a, b}, at::kLong).to(type);
  };
  return {
      both(kMin, 7, at::kLong),
      both(-1, -1, at::kLong),
      both(0, 0, at::kLong),
      both(std::numeric_limits<int32_t>::min(), 7, at::kInt),
      both(-1, -1, at::kInt),
      both(0, 0, at::kInt),
      both(std::numeric_limits<int16_t>::min(), 7, at::kShort),
      both(-1, 0, at::kShort),
      both(-128, 7, at::kChar),
      both(-1, 0, at::kChar),
      both(0, 255, at::kByte),
      both(0, 1, at::kBool),
      at::scalar_tensor(kMin, at::kLong),
      at::scalar_tensor(-1, at::kLong),
      at::scalar_tensor(0, at::kLong),
      at::ones({2}),
      at::ones({2, 2}),
      at::ones({2, 2, 3}),
      at::ones({1, 2, 4, 4}),
      at::ones({1, 2, 2, 4, 4}),
      at::ones({0}),
      at::ones({1, 0, 4, 4}),
      at::ones({}),
      at::full({2, 2}, kMin, at::kLong),
      at::full({2, 2}, -1, at::kLong),
      at::ones({2}, at::kDouble),
      at::ones({2, 2}, at::kComplexFloat),
      at::ones({4, 2, 1, 1}),
      // As many rows as batch sizes tell, which rise again and again.
      at::tensor({2, 0}, at::kLong).repeat({16}),
  };
}

constexpr std::array<const char*, 10> kTexts = {
    "trunc", "floor",    "mean",      "sum",     "none",
    "a",     "constant", "replicate", "reflect", "nearest"};

}  // namespace

OperatorArguments::OperatorArguments(const c10::FunctionSchema& schema,
                                     Integers integers)
    : schema_(schema), integers_(integers) {
  // FNV-1a: the standard library's hash may differ.
  uint32_t hash = 2166136261;
  for (const char c :
       absl::StrCat(schema.name(), ".", schema.overload_name())) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
  }
  random_.seed(hash);
}

int64_t OperatorArguments::DrawInt() {
  constexpr std::array<int64_t, 8> kWild = {
      0, -1, kMin, kMax, 1, 2, int64_t{1} << 31, -2};
  constexpr std::array<int64_t, 4> kTame = {0, 1, 2, -1};
  return wild_ ? kWild[Below(kWild.size())] : kTame[Below(kTame.size())];
}

// A new one each time: the operator may write to it.
c10::IValue OperatorArguments::DrawTensor() {
  static const std::vector<at::Tensor> tensors = Tensors();
  return tensors[alike_ ? *alike_ : Below(tensors.size())].clone();
}

std::optional<c10::IValue> OperatorArguments::DrawType(const c10::Type& type,
                                                       const std::string& name,
                                                       int32_t count) {
  switch (type.kind()) {
    case c10::TypeKind::TensorType:
      return DrawTensor();
    case c10::TypeKind::IntType:
      if (name == "dtype") return static_cast<int64_t>(at::kLong);
      if (name == "layout" || name == "memory_format") return 0;
      return DrawInt();
    case c10::TypeKind::NumberType:
      if (Below(4) == 0) return 0.5;
      return DrawInt();
    case c10::TypeKind::FloatType:
      return std::array{0.0, 1.0, -1.0, 0.5}[Below(4)];
    case c10::TypeKind::BoolType:
      return Below(2) == 0;
    case c10::TypeKind::StringType:
      return std::string(name == "rounding_mode"
                             ? kTexts[Below(2)]
                             : kTexts[Below(kTexts.size())]);
    case c10::TypeKind::DeviceObjType:
      return c10::Device(c10::kCPU);
    case c10::TypeKind::GeneratorType:
      return c10::IValue();
    case c10::TypeKind::OptionalType:
      if (Below(2) == 0) return c10::IValue();
      return DrawType(*type.containedType(0), name, count);
    case c10::TypeKind::ListType: {
      const c10::Type& element = *type.containedType(0);
      c10::impl::GenericList list(type.containedType(0));
      const size_t size = count > 0 ? static_cast<size_t>(count) : Below(5);
      for (size_t i = 0; i < size; ++i) {
        auto drawn = DrawType(element, name, 0);
        if (!drawn) return std::nullopt;
        list.push_back(*std::move(drawn));
      }
      return list;
    }
    default:
      return std::nullopt;
  }
}

std::optional<c10::IValue> OperatorArguments::DrawFor(
    const c10::Argument& argument) {
  if (argument.default_value() && Below(3) > 0) return argument.default_value();
  auto drawn =
      DrawType(*argument.type(), argument.name(), argument.N().value_or(0));
  if (!drawn && argument.default_value()) return argument.default_value();
  return drawn;
}

std::optional<std::vector<c10::IValue>> OperatorArguments::Draw() {
  static const size_t kinds = Tensors().size();
  wild_ = integers_ == Integers::kEdges && Below(2) == 0;
  alike_ = Below(3) == 0 ? std::optional(Below(kinds)) : std::nullopt;
  std::vector<c10::IValue> arguments;
  for (const c10::Argument& argument : schema_.arguments()) {
    auto drawn = DrawFor(argument);
    if (!drawn) return std::nullopt;
    arguments.push_back(*std::move(drawn));
  }
  return arguments;
}

std::string OperatorArguments::Text(const std::vector<c10::IValue>& arguments) {
  return absl::StrJoin(
      arguments, ", ", [](std::string* out, const c10::IValue& one) {
        if (one.isTensor()) {
          absl::StrAppend(out, c10::toString(one.toTensor().scalar_type()), "[",
                          absl::StrJoin(one.toTensor().sizes(), ","), "]");
          if (one.toTensor().numel() > 0 && !one.toTensor().is_complex()) {
            absl::StrAppend(
                out, "=",
                one.toTensor().flatten()[0].to(at::kDouble).item<double>());
          }
        } else if (one.isInt()) {
          absl::StrAppend(out, one.toInt());
        } else if (one.isIntList()) {
          absl::StrAppend(out, "[", absl::StrJoin(one.toIntVector(), ","), "]");
        } else if (one.isString()) {
          absl::StrAppend(out, "\"", one.toStringRef(), "\"");
        } else {
          absl::StrAppend(out, one.tagKind());
        }
      });
}

}  // namespace ferry
