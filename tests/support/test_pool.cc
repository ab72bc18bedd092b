#include "tests/support/test_pool.h"

#include <future>
#include <utility>

#include "server/executors/torch/start_libtorch.h"

namespace ferry {

TestPool::TestPool(const std::string& specs, ModelTable::Options options,
                   Metrics::Options metrics_options, ModelFormats formats)
    : metrics(metrics_options) {
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
  table = std::make_unique<ModelTable>(metrics, options);
  mover = std::make_unique<Mover>(
      Mover::Options{.model_directories = {models.path().string()},
                     .moves_max = 2,
                     .formats = std::move(formats)},
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
  return Ask({.kind = MoveKind::kLoad,
              .model = {.name = name},
              .path = path,
              .destination = *destination});
}

absl::StatusOr<MoveOutcome> TestPool::Migrate(
    const std::string& name, const std::vector<std::string>& devices) {
  auto destination = Destination::Parse(devices);
  if (!destination.ok()) return destination.status();
  return Ask({.kind = MoveKind::kMigrate,
              .model = {.name = name},
              .destination = *destination});
}

absl::StatusOr<MoveOutcome> TestPool::Unload(const std::string& name) {
  return Ask({.kind = MoveKind::kUnload, .model = {.name = name}});
}

absl::StatusOr<MoveOutcome> TestPool::Ask(const MoveRequest& request) {
  std::promise<absl::StatusOr<MoveOutcome>> ended;
  const Mover::Ticket ticket =
      mover->Ask(request, [&](absl::StatusOr<MoveOutcome> outcome) {
        ended.set_value(std::move(outcome));
      });
  return ended.get_future().get();
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
  if (absl::IsInternal(result.status())) {
    table->AskHealth(pin.instance().device());
  }
  if (!result.ok()) return result.status();
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
