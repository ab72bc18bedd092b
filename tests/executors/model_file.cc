#include "tests/executors/model_file.h"

#include <algorithm>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include <ATen/Functions.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include "server/base/invariant.h"
#include "server/base/unique_fd.h"
#include "server/executors/torch/start_libtorch.h"
#include "server/executors/torch/torch_types.h"
#include "tests/formats/open_archive.h"

namespace ferry {

Devices::Devices() {
  StartLibTorch(1);
  SimDevice::Options options;
  options.capacity_bytes = uint64_t{256} << 20;
  sim0 = *SimDevice::Create(options);
  options.index = 1;
  sim1 = *SimDevice::Create(options);
  all = {&cpu, sim0.get(), sim1.get()};
  backend = std::make_unique<SimBackend>(all);
}

Devices::~Devices() = default;

std::unique_ptr<TorchScriptArchive> OpenArchive(const std::string& path) {
  auto archive =
      OpenTorchScript(UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC)), path);
  EXPECT_TRUE(archive.ok()) << archive.status();
  return archive.ok() ? *std::move(archive) : nullptr;
}

namespace {

PlacedWeights Take(uint64_t size_bytes, Device& device) {
  PlacedWeights placed;
  const uint64_t capacity_bytes = (size_bytes + 8191) / 4096 * 4096;
  placed.arena = *Arena::Create(device, capacity_bytes);
  placed.weights = std::make_unique<WeightSet>(
      device, *placed.arena->Take(size_bytes), size_bytes);
  return placed;
}

PlacedWeights TakeState(const Program& program, Device& device) {
  if (program.state_bytes() == 0) return {};
  return Take(program.state_bytes(), device);
}

}  // namespace

PlacedWeights PlaceWeights(const TorchScriptArchive& archive, Device& device) {
  PlacedWeights placed = Take(archive.layout().size_bytes, device);
  for (const ImageLayout::Span& span : archive.layout().spans) {
    std::vector<std::byte> bytes(span.size_bytes);
    // The last span may end behind the file.
    const ssize_t got = pread(archive.fd(), bytes.data(), bytes.size(),
                              static_cast<off_t>(span.file_offset_bytes));
    INVARIANT(got >= 0);
    INVARIANT(
        device.CopyIn(placed.weights->data() + span.image_offset_bytes, bytes)
            .ok());
  }
  return placed;
}

ServedModel Serve(const std::string& path, Device& device, Devices& devices) {
  ServedModel model;
  model.archive = OpenArchive(path);
  if (model.archive == nullptr) return model;
  model.host = PlaceWeights(*model.archive, devices.cpu);
  auto program = OpenProgram(*model.archive, nullptr, {}, {});
  if (program.ok() && *program == nullptr) {
    program = OpenProgram(*model.archive, model.host.weights.get(), {}, {});
  }
  EXPECT_TRUE(program.ok()) << program.status();
  if (!program.ok()) return model;
  model.program = *std::move(program);
  const WeightSet* weights = model.host.weights.get();
  if (&device != &devices.cpu) {
    model.placed = PlaceWeights(*model.archive, device);
    weights = model.placed.weights.get();
  }
  model.state = TakeState(*model.program, device);
  auto instance = model.program->Bind(*weights, model.state.weights.get());
  EXPECT_TRUE(instance.ok()) << instance.status();
  if (instance.ok()) model.instance = *std::move(instance);
  return model;
}

std::unique_ptr<BoundInstance> BindTo(const Program& program,
                                      const WeightSet& weights) {
  auto bound = std::make_unique<BoundInstance>();
  bound->state = TakeState(program, weights.device());
  bound->instance = *program.Bind(weights, bound->state.weights.get());
  return bound;
}

std::vector<c10::IValue> ReadValues(const std::string& path, char letter) {
  const torch::jit::Module holder = torch::jit::load(path);
  std::vector<c10::IValue> values;
  for (int i = 0;; ++i) {
    const std::string name = letter + std::to_string(i);
    if (!holder.hasattr(name)) return values;
    values.push_back(holder.attr(name));
  }
}

Value ToValue(const c10::IValue& from) {
  if (from.isTensor()) {
    const at::Tensor& tensor = from.toTensor();
    INVARIANT(tensor.is_contiguous() && tensor.device().is_cpu());
    return Value{TensorView{
        .dtype = *FromScalarType(tensor.scalar_type()),
        .shape = tensor.sizes().vec(),
        .bytes = {static_cast<const std::byte*>(tensor.const_data_ptr()),
                  tensor.nbytes()}}};
  }
  if (from.isInt()) return Value{from.toInt()};
  if (from.isDouble()) return Value{from.toDouble()};
  if (from.isBool()) return Value{from.toBool()};
  if (from.isString()) return Value{from.toStringRef()};
  if (from.isList()) {
    Value::List list;
    for (const c10::IValue& element : from.toListRef()) {
      list.push_back(ToValue(element));
    }
    return Value{std::move(list)};
  }
  if (from.isTuple()) {
    Value::Tuple tuple;
    for (const c10::IValue& element : from.toTupleRef().elements()) {
      tuple.elements.push_back(ToValue(element));
    }
    return Value{std::move(tuple)};
  }
  if (from.isGenericDict()) {
    Value::Dict dict;
    for (const auto& entry : from.toGenericDict()) {
      dict.push_back({entry.key().toStringRef(), ToValue(entry.value())});
    }
    return Value{std::move(dict)};
  }
  return Value{None{}};
}

std::vector<NamedValue> ToInputs(const Signature& signature,
                                 const std::vector<c10::IValue>& values) {
  std::vector<NamedValue> inputs;
  for (size_t i = 0; i < values.size(); ++i) {
    inputs.push_back({signature.inputs[i].name, ToValue(values[i])});
  }
  return inputs;
}

namespace {

bool Matches(const Value& value, const Value& expected, bool exact) {
  if (const auto* a = std::get_if<TensorView>(&value.value)) {
    const auto* b = std::get_if<TensorView>(&expected.value);
    if (b == nullptr || a->dtype != b->dtype || a->shape != b->shape ||
        a->bytes.size() != b->bytes.size()) {
      return false;
    }
    if (std::ranges::equal(a->bytes, b->bytes)) return true;
    if (exact) return false;
    const auto over = [](const TensorView& view) {
      return at::from_blob(const_cast<std::byte*>(view.bytes.data()),
                           view.shape,
                           at::TensorOptions(ToScalarType(view.dtype)));
    };
    return at::allclose(over(*a), over(*b), 1e-5, 1e-6, /*equal_nan=*/true);
  }
  const auto all = [&](const auto& a, const auto& b) {
    return std::ranges::equal(a, b, [&](const Value& x, const Value& y) {
      return Matches(x, y, exact);
    });
  };
  if (value.value.index() != expected.value.index()) return false;
  if (const auto* a = std::get_if<Value::List>(&value.value)) {
    return all(*a, std::get<Value::List>(expected.value));
  }
  if (const auto* a = std::get_if<Value::Tuple>(&value.value)) {
    return all(a->elements, std::get<Value::Tuple>(expected.value).elements);
  }
  if (const auto* a = std::get_if<Value::Dict>(&value.value)) {
    return std::ranges::equal(*a, std::get<Value::Dict>(expected.value),
                              [&](const DictEntry& x, const DictEntry& y) {
                                return x.key == y.key &&
                                       Matches(x.value, y.value, exact);
                              });
  }
  if (const auto* a = std::get_if<int64_t>(&value.value)) {
    return *a == std::get<int64_t>(expected.value);
  }
  if (const auto* a = std::get_if<double>(&value.value)) {
    return *a == std::get<double>(expected.value);
  }
  if (const auto* a = std::get_if<bool>(&value.value)) {
    return *a == std::get<bool>(expected.value);
  }
  if (const auto* a = std::get_if<std::string>(&value.value)) {
    return *a == std::get<std::string>(expected.value);
  }
  return true;  // None.
}

}  // namespace

bool SameBits(const Value& value, const c10::IValue& expected) {
  return Matches(value, ToValue(expected), /*exact=*/true);
}

bool Close(const Value& value, const c10::IValue& expected) {
  return Matches(value, ToValue(expected), /*exact=*/false);
}

}  // namespace ferry
