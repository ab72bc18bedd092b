#include "server/formats/pickle/pickle_global.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/formats/refusal.h"

namespace ferry {
namespace {

struct Callable {
  std::string_view module;
  std::string_view name;
  PickleCallable callable;
};

constexpr std::array<Callable, 10> kCallables = {{
    {"torch._utils", "_rebuild_tensor_v2", PickleCallable::kRebuildTensor},
    {"torch._utils", "_rebuild_qtensor",
     PickleCallable::kRebuildQuantizedTensor},
    {"torch.jit._pickle", "restore_type_tag", PickleCallable::kRestoreTypeTag},
    {"torch.jit._pickle", "build_intlist", PickleCallable::kBuildIntList},
    {"torch.jit._pickle", "build_tensorlist", PickleCallable::kBuildTensorList},
    {"torch.jit._pickle", "build_doublelist", PickleCallable::kBuildDoubleList},
    {"torch.jit._pickle", "build_boollist", PickleCallable::kBuildBoolList},
    {"builtins", "complex", PickleCallable::kComplex},
    {"collections", "OrderedDict", PickleCallable::kOrderedDict},
    {"torch", "device", PickleCallable::kDevice},
}};

struct ScalarTypeName {
  std::string_view name;
  int64_t element_size_bytes;
};

constexpr std::array<ScalarTypeName, 25> kScalarTypes = {{
    {"ByteStorage", 1},
    {"CharStorage", 1},
    {"ShortStorage", 2},
    {"IntStorage", 4},
    {"LongStorage", 8},
    {"HalfStorage", 2},
    {"FloatStorage", 4},
    {"DoubleStorage", 8},
    {"ComplexHalfStorage", 4},
    {"ComplexFloatStorage", 8},
    {"ComplexDoubleStorage", 16},
    {"BoolStorage", 1},
    {"BFloat16Storage", 2},
    {"QInt8Storage", 1},
    {"QUInt8Storage", 1},
    {"QInt32Storage", 4},
    {"UInt16Storage", 2},
    {"UInt32Storage", 4},
    {"UInt64Storage", 8},
    {"Float8_e5m2Storage", 1},
    {"Float8_e4m3fnStorage", 1},
    {"Float8_e5m2fnuzStorage", 1},
    {"Float8_e4m3fnuzStorage", 1},
    {"Float8_e8m0fnuStorage", 1},
    {"QUInt4x2Storage", 1},
}};

struct QSchemeName {
  std::string_view name;
  PickleQScheme scheme;
};

constexpr std::array<QSchemeName, 5> kQSchemes = {{
    {"per_tensor_affine", PickleQScheme::kPerTensor},
    {"per_channel_affine", PickleQScheme::kPerChannel},
    {"per_channel_affine_float_qparams", PickleQScheme::kPerChannel},
    {"per_tensor_symmetric", PickleQScheme::kOther},
    {"per_channel_symmetric", PickleQScheme::kOther},
}};

// A qualified name: parts of letters, digits and underscores between dots.
bool IsQualifiedName(std::string_view name) {
  if (name.empty() || name.size() > kGlobalNameLengthMax) return false;
  char before = '.';
  for (const char c : name) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      (c >= '0' && c <= '9') || c == '_';
    if (!word && (c != '.' || before == '.')) return false;
    before = c;
  }
  return before != '.';
}

}  // namespace

absl::StatusOr<PickleValue> FindPickleGlobal(std::string_view module,
                                             std::string_view name) {
  if (!IsQualifiedName(module) || !IsQualifiedName(name)) {
    return Refusal(Shown(module), " and ", Shown(name),
                   " are not the names of a module and of what it has");
  }
  const auto callable =
      std::ranges::find_if(kCallables, [&](const Callable& candidate) {
        return candidate.module == module && candidate.name == name;
      });
  if (callable != kCallables.end()) {
    return PickleValue{.kind = PickleKind::kCallable,
                       .number = static_cast<int64_t>(callable->callable)};
  }
  if (module == "__torch__" || module.starts_with("__torch__.")) {
    return PickleValue{.kind = PickleKind::kCallable,
                       .number = static_cast<int64_t>(PickleCallable::kClass)};
  }
  if (module == "torch._utils" && name == "_rebuild_sparse_tensor") {
    return absl::UnimplementedError("sparse tensors are not served");
  }
  const auto type =
      std::ranges::find(kScalarTypes, name, &ScalarTypeName::name);
  if (module == "torch" && type != kScalarTypes.end()) {
    return PickleValue{.kind = PickleKind::kScalarType,
                       .number = type->element_size_bytes};
  }
  const auto scheme = std::ranges::find(kQSchemes, name, &QSchemeName::name);
  if (module == "torch" && scheme != kQSchemes.end()) {
    return PickleValue{.kind = PickleKind::kQScheme,
                       .number = static_cast<int64_t>(scheme->scheme)};
  }
  return Refusal("it names ", module, ".", name,
                 ", which torch.jit.save does not write");
}

}  // namespace ferry
