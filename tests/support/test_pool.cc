#include "tests/support/test_pool.h"

#include <future>
#include <utility>

#include "server/executors/program.h"

namespace ferry {
namespace {

// Waits for a move; its ticket is held meanwhile.
template <typename Ask>
absl::StatusOr<MoveOutcome> Await(const Ask& ask) {
  std::promise<absl::StatusOr<MoveOutcome>> ended;
  const Mover::Ticket ticket = ask(
      [&](absl::StatusOr<MoveOutcome> outcome) { ended.set_value(outcome); });
  return ended.get_future().get();
}

}  // namespace

TestPool::TestPool(const std::string& specs, ModelTable::Options options) {
  devices = *DevicePool::Create(*ParseDeviceSpecs(specs));
  static const bool started = [] {
    StartLibTorch(1);
    return true;
  }();
  (void)started;
  backend = std::make_unique<SimBackend>(devices->devices());
  weights = *WeightStore::Create(*devices, uint64_t{64} << 20);
  transfers = std::make_unique<TransferEngine>(2, metrics);
  calibration = *Calibration::Measure(*devices, *weights);
  options.audit_runs = 1;  // No run shall write to weights.
  table = std::make_unique<ModelTable>(options);
  mover = std::make_unique<Mover>(
      Mover::Options{.model_directories = {models.path().string()},
                     .moves_max = 2},
      Mover::Rooms{.devices = *devices,
                   .weights = *weights,
                   .transfers = *transfers,
                   .calibration = calibration,
                   .table = *table,
                   .metrics = metrics});
}

TestPool::~TestPool() = default;

absl::StatusOr<MoveOutcome> TestPool::Load(
    const std::string& name, const std::vector<std::string>& devices,
    const std::string& path) {
  auto destination = Destination::Parse(devices);
  if (!destination.ok()) return destination.status();
  return Await([&](MoveDone done) {
    return mover->Load(
        {.name = name, .path = path, .version = 0, .destination = *destination},
        std::move(done));
  });
}

absl::StatusOr<MoveOutcome> TestPool::Migrate(
    const std::string& name, const std::vector<std::string>& devices) {
  auto destination = Destination::Parse(devices);
  if (!destination.ok()) return destination.status();
  return Await([&](MoveDone done) {
    return mover->Migrate(name, *destination, std::move(done));
  });
}

absl::StatusOr<MoveOutcome> TestPool::Unload(const std::string& name) {
  return Await(
      [&](MoveDone done) { return mover->Unload(name, std::move(done)); });
}

absl::StatusOr<float> TestPool::Run(const std::string& name, float x) {
  auto admission = table->Admit(name, 0);
  if (!admission.ok()) return admission.status();
  ModelTable::Pin pin;
  while (!pin) {
    const ModelTable::Devices devices = table->Where(*admission);
    if (devices.empty()) return table->WhyNowhere(*admission);
    pin = table->PinOn(*admission, devices.front());
  }
  const std::vector<NamedValue> inputs = {
      {.name = "x",
       .value = {TensorView{.dtype = DType::kFloat32,
                            .shape = {1},
                            .bytes = std::as_bytes(std::span(&x, 1))}}}};
  auto result = pin.instance().Run(inputs);
  if (!result.ok()) return pin.Explain(inputs, result.status());
  if (pin.wants_exemplar())
    table->Learn(pin, absl::ZeroDuration(), inputs, result->outputs());
  const auto& tensor =
      std::get<TensorView>(result->outputs().front().value.value);
  float y = 0;
  memcpy(&y, tensor.bytes.data(), sizeof y);
  table->Audit(pin);
  return y;
}

SimDevice& TestPool::sim(int index) {
  return dynamic_cast<SimDevice&>(
      **devices->Find({.kind = DeviceKind::kSim, .index = index}));
}

uint64_t TestPool::used_bytes(const std::string& device) {
  return weights->usage(*DeviceId::Parse(device)).used_bytes;
}

}  // namespace ferry
