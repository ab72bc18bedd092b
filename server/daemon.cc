#include "server/daemon.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"

#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/mutex.h"
#include "server/base/status_macros.h"
#include "server/base/worker.h"
#include "server/devices/cuda_plugin.h"
#include "server/devices/host_memory.h"
#include "server/executors/sim/sim_backend.h"
#include "server/executors/torch/activation_budget.h"
#include "server/executors/torch/start_libtorch.h"
#include "server/executors/torch/torch_version.h"
#include "server/metrics/catalog.h"
#include "server/metrics/exporter.h"
#include "server/registry/mover.h"
#include "server/rpc/rpc_server.h"
#include "server/scheduling/scheduler.h"
#include "server/transfer/calibration.h"
#include "server/transfer/transfer_engine.h"
#include "server/weights/weight_store.h"

namespace ferry {
namespace {

// Of the limit of activations, the part that freed blocks may keep.
constexpr uint64_t kActivationsKept = 4;

constexpr absl::Duration kShutdownMax = absl::Seconds(1);

// The cpu, and every GPU there is. Nobody asked for these: GPUs that cannot be
// used are left out, and the log says why.
std::vector<DeviceSpec> DevicesPresent() {
  std::vector<DeviceSpec> specs(1);
  const auto gpus = CudaDevicesUsable(kCudaDriver, CudaPluginPlaces());
  if (!gpus.ok()) {
    Log(LogLevel::kWarning, "GPUs left out",
        {{"error", std::string(gpus.status().message())}});
  }
  for (int i = 0; i < gpus.value_or(0); ++i) {
    specs.push_back({.id = {.kind = DeviceKind::kCuda, .index = i}});
  }
  return specs;
}

std::string WithPort(const std::string& address, int port) {
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

}  // namespace

// In the order of construction; destroyed from the last to the first.
struct Daemon::Rooms {
  Rooms(const Config& config_in, std::function<void(absl::Status)> must_end_in)
      : config(config_in),
        must_end(std::move(must_end_in)),
        metrics({.models_max = config_in.models_max}),
        table(metrics, {.models_max = config_in.models_max,
                        .requests_max = config_in.queue_requests_max,
                        .request_bytes_max = config_in.queue_bytes_max,
                        .lost =
                            [this](DeviceId device, const absl::Status& why) {
                              DeviceLost(device, why);
                            },
                        .audit_runs = config_in.audit_runs,
                        .damaged =
                            [this](DeviceId device, const absl::Status& why) {
                              WeightsDamaged(device, why);
                            }}) {}

  // In this order: the hardware, with LibTorch on it; what holds, moves and
  // runs models; and the ports, from where on clients come.
  absl::Status OpenDevices();
  absl::Status OpenModels();
  absl::Status Listen();

  absl::Status LimitActivations() const;
  void DeviceLost(DeviceId device, const absl::Status& why);
  void WeightsDamaged(DeviceId device, const absl::Status& why);
  void TellHealth() ABSL_LOCKS_EXCLUDED(mutex);
  void CollectDevices(GaugeSink& sink);
  void CollectModels(GaugeSink& sink) const;

  const Config config;
  const std::function<void(absl::Status)> must_end;
  Metrics metrics;
  std::unique_ptr<DevicePool> devices;
  std::unique_ptr<SimBackend> sim_backend;
  std::unique_ptr<WeightStore> weights;
  std::unique_ptr<TransferEngine> transfers;
  Calibration calibration;
  ModelTable table;
  std::unique_ptr<Mover> mover;
  std::unique_ptr<Scheduler> scheduler;
  std::unique_ptr<RpcServer> rpc;
  std::optional<ModelTable::Watch> watch;
  std::unique_ptr<Exporter> exporter;
  std::string grpc_address;
  std::string metrics_address;
  bool drained = false;

  // Of the models of --load. Guarded by mutex, but for tickets, which only the
  // thread that starts and drains touches.
  Mutex mutex;
  size_t loads_left ABSL_GUARDED_BY(mutex) = 0;
  absl::Status loads_failed ABSL_GUARDED_BY(mutex);
  bool loaded ABSL_GUARDED_BY(mutex) = false;  // All of them serve.
  std::vector<Mover::Ticket> tickets;
};

Daemon::Daemon(std::unique_ptr<Rooms> rooms) : rooms_(std::move(rooms)) {}

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(
    const Config& config, std::function<void(absl::Status)> must_end) {
  auto daemon = absl::WrapUnique(
      new Daemon(std::make_unique<Rooms>(config, std::move(must_end))));
  RETURN_IF_ERROR(daemon->rooms_->OpenDevices());
  RETURN_IF_ERROR(daemon->rooms_->OpenModels());
  RETURN_IF_ERROR(daemon->rooms_->Listen());
  return daemon;
}

Daemon::~Daemon() {
  if (rooms_->rpc == nullptr) return;  // Start failed: nobody ever asked.
  if (!rooms_->drained) Drain(absl::InfiniteDuration());
  rooms_->rpc->Shutdown(kShutdownMax);
}

void Daemon::LoadConfigured(std::function<void(absl::Status)> done) {
  Rooms& rooms = *rooms_;
  if (rooms.config.loads.empty()) {
    {
      MutexLock lock(rooms.mutex);
      rooms.loaded = true;
    }
    rooms.TellHealth();
    done(absl::OkStatus());
    return;
  }
  {
    MutexLock lock(rooms.mutex);
    rooms.loads_left = rooms.config.loads.size();
  }
  for (const Config::Load& load : rooms.config.loads) {
    const auto ended = [&rooms, done,
                        &load](const absl::StatusOr<MoveOutcome>& outcome) {
      absl::Status all;
      {
        MutexLock lock(rooms.mutex);
        if (!outcome.ok()) {
          absl::Status& failed = rooms.loads_failed;
          failed = absl::Status(
              failed.ok() ? outcome.status().code() : failed.code(),
              absl::StrCat(failed.message(), failed.ok() ? "" : "\n", "--load=",
                           load.name, ": ", outcome.status().message()));
        }
        if (--rooms.loads_left > 0) return;
        all = rooms.loads_failed;
        rooms.loaded = all.ok();
      }
      rooms.TellHealth();
      done(std::move(all));
    };
    auto destination = Destination::Parse(load.devices);
    if (!destination.ok()) {
      ended(destination.status());
      continue;
    }
    rooms.tickets.push_back(
        rooms.mover->Ask({.kind = MoveKind::kLoad,
                          .model = {.name = load.name},
                          .path = load.path,
                          .destination = *std::move(destination)},
                         ended));
  }
}

bool Daemon::Drain(absl::Duration limit) {
  Rooms& rooms = *rooms_;
  rooms.drained = true;
  const Stopwatch since;
  // Nobody is told that we drain before it is so.
  rooms.scheduler->Refuse();
  rooms.rpc->Drain();
  const bool all_moved = rooms.mover->Drain(limit);
  rooms.tickets.clear();
  const bool all_ran = rooms.scheduler->Drain(limit - since.Elapsed());
  return all_moved && all_ran;
}

const std::string& Daemon::grpc_address() const { return rooms_->grpc_address; }

const std::string& Daemon::metrics_address() const {
  return rooms_->metrics_address;
}

DevicePool& Daemon::devices() { return *rooms_->devices; }
ModelTable& Daemon::table() { return rooms_->table; }
Metrics& Daemon::metrics() { return rooms_->metrics; }

absl::Status Daemon::Rooms::OpenDevices() {
  ASSIGN_OR_RETURN(devices,
                   DevicePool::Create(config.devices.empty() ? DevicesPresent()
                                                             : config.devices));
  StartLibTorch(config.intra_op_threads);  // After the devices are open.
  if (std::ranges::any_of(devices->devices(), [](const Device* device) {
        return device->id().kind == DeviceKind::kSim;
      })) {
    sim_backend = std::make_unique<SimBackend>(devices->devices());
  }
  for (const Device* device : devices->devices()) {
    RETURN_IF_ERROR(TryLibTorchOn(*device));
  }
  return LimitActivations();
}

absl::Status Daemon::Rooms::OpenModels() {
  ASSIGN_OR_RETURN(weights,
                   WeightStore::Create(*devices, config.host_retain_bytes));
  transfers = std::make_unique<TransferEngine>(
      config.transfer_threads > 0
          ? config.transfer_threads
          : TransferEngine::DefaultWorkers(ProcessorCount()),
      metrics);
  ASSIGN_OR_RETURN(calibration, Calibration::Measure(*devices, *weights));
  mover = std::make_unique<Mover>(
      Mover::Options{.model_directories = config.model_dirs,
                     .moves_max = config.moves_max,
                     .waiters_max = config.load_waiters_max},
      Mover::Rooms{.devices = *devices,
                   .weights = *weights,
                   .transfers = *transfers,
                   .calibration = calibration,
                   .table = table,
                   .metrics = metrics});
  scheduler = std::make_unique<Scheduler>(
      devices->devices(), config.lanes_per_device, table);
  return absl::OkStatus();
}

absl::Status Daemon::Rooms::Listen() {
  ASSIGN_OR_RETURN(
      rpc,
      RpcServer::Create(
          {.listen_address = config.grpc_listen,
           .message_bytes_max = static_cast<int64_t>(config.message_bytes_max),
           .request_bytes_max = config.queue_bytes_max,
           .all_bytes_max = config.requests_bytes_max,
           .transport_bytes_max = config.transport_bytes_max,
           .connections = {.connections_max = config.connections_max,
                           .per_peer_max = config.connections_per_peer_max},
           .streams_max = config.streams_max,
           .watch_names_max = config.watch_names_max,
           .version = FERRY_VERSION},
          {.mover = *mover,
           .table = table,
           .scheduler = *scheduler,
           .devices = *devices,
           .weights = *weights,
           .calibration = calibration,
           .metrics = metrics}));
  grpc_address = WithPort(config.grpc_listen, rpc->port());
  // A model may lose its device, or leave it, the last of those that it had.
  watch.emplace(table.WatchChanges([this](std::string_view) { TellHealth(); }));

  metrics.Set(kBuildInfo, {FERRY_VERSION, LibTorchVersion()}, 1);
  for (const auto& [link, rate] : calibration.links()) {
    metrics.Set(kLinkBytesPerSecond,
                {link.first.ToString(), link.second.ToString()}, rate);
  }
  metrics.AddCollector([this](GaugeSink& sink) {
    CollectDevices(sink);
    CollectModels(sink);
    sink.Set(kConnections, {}, static_cast<double>(rpc->CountConnections()));
  });
  ASSIGN_OR_RETURN(exporter, Exporter::Create(config.metrics_listen, metrics));
  metrics_address = WithPort(config.metrics_listen, exporter->port());
  return absl::OkStatus();
}

absl::Status Daemon::Rooms::LimitActivations() const {
  const uint64_t host_bytes = HostMemoryBytes();
  uint64_t limit_bytes = config.activation_bytes_max;
  if (limit_bytes == 0) {
    ASSIGN_OR_RETURN(limit_bytes,
                     DefaultActivationLimit(host_bytes, devices->devices()));
  }
  SetActivationLimit(limit_bytes, limit_bytes / kActivationsKept);
  Log(LogLevel::kInfo, "activations limited",
      {{"limit_bytes", limit_bytes},
       {"host_bytes", host_bytes},
       {"from", config.activation_bytes_max == 0 ? "default" : "setting"}});
  return absl::OkStatus();
}

void Daemon::Rooms::DeviceLost(DeviceId device, const absl::Status& why) {
  Log(LogLevel::kError, "device lost",
      {{"device", device.ToString()}, {"error", std::string(why.message())}});
  if (!config.exit_on_device_loss || !must_end) return;
  must_end(absl::InternalError(
      absl::StrCat("--exit-on-device-loss: ", why.message())));
}

void Daemon::Rooms::WeightsDamaged(DeviceId device, const absl::Status& why) {
  Log(LogLevel::kError, "weights damaged",
      {{"device", device.ToString()}, {"error", std::string(why.message())}});
  metrics.Add(kVerifyFailuresTotal, {device.ToString()});
}

// SERVING when every model can be served. Before `loaded` there may be no rpc.
void Daemon::Rooms::TellHealth() {
  MutexLock lock(mutex);
  if (loaded) rpc->SetReady(!table.HasStranded());
}

void Daemon::Rooms::CollectDevices(GaugeSink& sink) {
  for (const Device* device : devices->devices()) {
    const Arena::Usage usage = weights->usage(device->id());
    sink.Set(kDeviceCapacityBytes, {device->name()},
             static_cast<double>(usage.capacity_bytes));
    sink.Set(kDeviceUsedBytes, {device->name()},
             static_cast<double>(usage.used_bytes));
    // Asked here too: a device may fail while nobody uses it.
    sink.Set(kDeviceHealthy, {device->name()}, table.AskHealth(*device));
  }
}

void Daemon::Rooms::CollectModels(GaugeSink& sink) const {
  constexpr std::array kStates = {ModelState::kCold,      ModelState::kLoading,
                                  ModelState::kServing,   ModelState::kParked,
                                  ModelState::kMigrating, ModelState::kLeaving};
  std::array<int, kStates.size()> in_state{};
  for (const ModelSnapshot& model : table.List()) {
    ++in_state[static_cast<size_t>(model.state)];
    sink.Set(kQueueRequests, {model.id.name},
             static_cast<double>(model.queued_requests));
    sink.Set(kModelActivationPeakBytes, {model.id.name},
             static_cast<double>(model.activation_peak_bytes));
    for (const auto& [device, size_bytes] : model.bytes) {
      sink.Set(kModelBytes, {model.id.name, device.ToString()},
               static_cast<double>(size_bytes));
    }
  }
  const ActivationUsage activations = ActivationsInUse();
  sink.Set(kActivationUsedBytes, {},
           static_cast<double>(activations.used_bytes));
  sink.Set(kActivationLimitBytes, {},
           static_cast<double>(activations.limit_bytes));
  for (const ModelState state : kStates) {
    sink.Set(kModels, {StateName(state)}, in_state[static_cast<size_t>(state)]);
  }
}

}  // namespace ferry
