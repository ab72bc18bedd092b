// What a move does, top to bottom: DECIDE, COPY, SWITCH, DRAIN.
//
// Until Publish() nothing that a client sees has changed, and returning an
// error undoes everything: what was prepared hangs on the Move and goes with
// it. From Publish() on nothing can fail.

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/invariant.h"
#include "server/base/log.h"
#include "server/base/status_macros.h"
#include "server/formats/open_model.h"
#include "server/registry/declared_shapes.h"
#include "server/registry/mover_work.h"

namespace ferry {
namespace {

// It had run within ModelTable::kExemplarRunMax, but elsewhere.
constexpr absl::Duration kWarmUpMax = absl::Seconds(5);

absl::Status Stopped() {
  return absl::CancelledError("the move was cancelled and undone");
}

absl::Status CheckReplicas(const std::string& model, const Program& program,
                           const MovePlan& plan) {
  if (!program.stateful() || plan.keep.size() + plan.fill.size() <= 1) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "model \"", model,
      "\": forward writes the model's own state, so it can serve on one "
      "device at a time"));
}

}  // namespace

// Goes on with a move to its end, whose status it returns, or to where requests
// have to end first: `move` may be another mover's by then.
std::optional<absl::Status> Mover::Work::Run(Move& move) {
  if (move.stage == MoveStage::kPrepare) {
    EndStep(move, MoveStep::kQueue);
    if (absl::Status prepared = Prepare(move); !prepared.ok()) return prepared;
    move.stage = MoveStage::kSwitch;
    StandStill(move);
  }
  if (move.stage == MoveStage::kSwitch) {
    if (!AwaitStill(move)) return std::nullopt;
    if (absl::Status switched = Switch(move); !switched.ok()) return switched;
    move.stage = MoveStage::kDrain;
    move.mark.step = MoveStep::kDrain;
    if (!move.retired.empty()) rooms.table.NotifyChanged(move.spec.name);
  }
  if (!AwaitDrained(move)) return std::nullopt;
  Free(move);
  EndStep(move, MoveStep::kDrain);
  move.report.verified = move.kind != MoveKind::kUnload;
  return absl::OkStatus();
}

absl::Status Mover::Work::Prepare(Move& move) {
  if (move.stop.stop_requested()) return Stopped();
  if (move.kind == MoveKind::kUnload) return absl::OkStatus();
  if (move.kind == MoveKind::kLoad) {
    RETURN_IF_ERROR(InBackground(move, [&] { return Open(move); }));
  }
  RETURN_IF_ERROR(Decide(move));
  return InBackground(move, [&] { return Copy(move); });
}

// A load's first half of DECIDE: what there is to carry.
absl::Status Mover::Work::Open(Move& move) {
  ASSIGN_OR_RETURN(ModelFile file, FindModelFile(options.model_directories,
                                                 {.name = move.spec.name,
                                                  .version = move.spec.version,
                                                  .source = move.spec.path}));
  move.version = file.version;
  move.version_path = file.path;
  move.sidecar = std::move(file.sidecar);
  ASSIGN_OR_RETURN(move.archive,
                   TorchScriptArchive::Open(std::move(file.fd), file.path));
  // Code that does not need weights is compiled before any is read: a file that
  // cannot serve is refused while that is cheap.
  return BuildProgram(move, nullptr);
}

// Without the host copy there may be none yet.
absl::Status Mover::Work::BuildProgram(Move& move, const WeightSet* host) {
  const SignatureFile sidecar = move.sidecar.value_or(SignatureFile());
  ASSIGN_OR_RETURN(move.program,
                   Program::Load(*move.archive, host, move.stop.get_token(),
                                 HostInputs(sidecar)));
  if (move.program == nullptr) return absl::OkStatus();
  Signature signature = move.program->signature();
  if (move.sidecar.has_value()) RETURN_IF_ERROR(Declare(sidecar, signature));
  move.signature = std::make_shared<const Signature>(std::move(signature));
  return absl::OkStatus();
}

// Snapshot, plan, take: what does not fit is refused here, before a byte is
// allocated.
absl::Status Mover::Work::Decide(Move& move) {
  ModelTable& table = rooms.table;
  std::vector<DeviceSnapshot> devices;
  for (const Device* device : rooms.devices.devices()) {
    const Arena::Usage usage = rooms.weights.usage(device->id());
    devices.push_back({.id = device->id(),
                       .capacity_bytes = usage.capacity_bytes,
                       .used_bytes = usage.used_bytes,
                       .largest_gap_bytes = usage.largest_gap_bytes,
                       .healthy = device->Health().ok()});
  }
  MoveQuestion question;
  question.model = move.spec.name;
  question.wanted = move.spec.destination.devices;
  question.automatic = move.spec.destination.automatic;
  const Program* program = move.program.get();
  {
    MutexLock lock(table.mutex_);
    const ModelRecord& record = *move.record;
    question.has_host_copy = record.loaded != nullptr;
    question.size_bytes = move.archive != nullptr
                              ? move.archive->layout().size_bytes
                              : record.loaded->host.size_bytes();
    for (const auto& residence : record.residences) {
      question.serving.push_back(residence->device);
    }
    if (record.loaded != nullptr) program = record.loaded->program.get();
    move.exemplar = record.exemplar;
  }
  if (program != nullptr) question.state_bytes = program->state_bytes();
  ASSIGN_OR_RETURN(move.plan, PlanMove(devices, question));
  if (program != nullptr) {
    RETURN_IF_ERROR(CheckReplicas(move.spec.name, *program, move.plan));
  }

  if (move.plan.read_file) {
    ASSIGN_OR_RETURN(WeightSet host,
                     rooms.weights.Take(DeviceId{}, question.size_bytes));
    move.loaded = std::make_unique<LoadedModel>(
        LoadedModel{.plan = PlanTransfer(move.archive->layout()),
                    .checksums = {},
                    .host = std::move(host),
                    .signature = nullptr,
                    .declared = {},
                    .program = nullptr});
  }
  std::vector<std::string> to;
  for (const DeviceId device : move.plan.keep) to.push_back(device.ToString());
  uint64_t total_bytes = move.plan.read_file ? question.size_bytes : 0;
  for (const DeviceId device : move.plan.fill) {
    auto residence = std::make_unique<Residence>();
    residence->device = device;
    if (device.kind != DeviceKind::kCpu) {
      ASSIGN_OR_RETURN(WeightSet weights,
                       rooms.weights.Take(device, question.size_bytes));
      residence->weights.emplace(std::move(weights));
      total_bytes += question.size_bytes;
    }
    move.fresh.push_back(std::move(residence));
    to.push_back(device.ToString());
  }
  if (program != nullptr) RETURN_IF_ERROR(TakeState(move, *program));
  {
    MutexLock lock(table.mutex_);
    move.mark.to = std::move(to);
    move.mark.total_bytes = total_bytes;
  }
  EndStep(move, MoveStep::kDecide);
  return absl::OkStatus();
}

// Of a program that was not known to DECIDE this comes late, and is undone with
// what was read.
absl::Status Mover::Work::TakeState(Move& move, const Program& program) {
  if (program.state_bytes() == 0) return absl::OkStatus();
  for (const auto& residence : move.fresh) {
    ASSIGN_OR_RETURN(
        WeightSet state,
        rooms.weights.Take(residence->device, program.state_bytes()));
    residence->state.emplace(std::move(state));
  }
  return absl::OkStatus();
}

absl::Status Mover::Work::Copy(Move& move) {
  if (move.plan.read_file) {
    RETURN_IF_ERROR(FillHost(move));
    if (move.program == nullptr) {
      RETURN_IF_ERROR(BuildProgram(move, &move.loaded->host));
      RETURN_IF_ERROR(CheckReplicas(move.spec.name, *move.program, move.plan));
      RETURN_IF_ERROR(TakeState(move, *move.program));
      EndStep(move, MoveStep::kWarmup);
    }
    move.archive.reset();  // All the file's code, which nobody needs any more.
    LoadedModel& loaded = *move.loaded;
    loaded.declared = ShapeIndex(move.signature->input_shapes);
    loaded.signature = std::move(move.signature);
    loaded.program = std::move(move.program);
    if (loaded.program->ran_code_at_load()) {
      // It may have written to the bytes that it was given, and what it left
      // there is what the model now is.
      RETURN_IF_ERROR(rooms.transfers.Sum(
          loaded.plan, loaded.host, loaded.checksums, move.stop.get_token()));
      EndStep(move, MoveStep::kVerify);
    }
  }
  for (const auto& residence : move.fresh) {
    RETURN_IF_ERROR(Fill(move, *residence));
  }
  return absl::OkStatus();
}

absl::Status Mover::Work::FillHost(Move& move) {
  LoadedModel& loaded = *move.loaded;
  move.mark.step = MoveStep::kCopy;
  ASSIGN_OR_RETURN(const TransferReport read,
                   rooms.transfers.Read({.fd = move.archive->fd(),
                                         .path = move.archive->path(),
                                         .layout = move.archive->layout(),
                                         .plan = loaded.plan,
                                         .host = loaded.host,
                                         .checksums = loaded.checksums,
                                         .progress = Progress(move, 0),
                                         .stop = move.stop.get_token()}));
  Count(move, kDisk, DeviceId{}.ToString(), read);
  return absl::OkStatus();
}

// Bytes, then an Instance over them, then its first run.
absl::Status Mover::Work::Fill(Move& move, Residence& residence) {
  const LoadedModel& loaded =
      move.loaded != nullptr ? *move.loaded : *move.record->loaded;
  if (residence.weights.has_value()) {
    // Page-locked when a GPU first wants it, not when it is read: a model that
    // never leaves the cpu does not pay, and nobody waits for this move.
    const absl::Status page_locked =
        loaded.host.lease().RegisterWith(residence.weights->device());
    if (!page_locked.ok()) {
      Log(LogLevel::kWarning, "host memory not page-locked, copies are slower",
          {{"model", move.spec.name},
           {"error", std::string(page_locked.message())}});
    }
    EndStep(move, MoveStep::kDecide);
    move.mark.step = MoveStep::kCopy;
    ASSIGN_OR_RETURN(const TransferReport copied,
                     rooms.transfers.Copy(
                         {.plan = loaded.plan,
                          .from = loaded.host,
                          .to = *residence.weights,
                          .checksums = loaded.checksums,
                          .progress = Progress(move, move.report.size_bytes),
                          .stop = move.stop.get_token()}));
    Count(move, DeviceId{}.ToString(), residence.device.ToString(), copied);
  } else if (!move.plan.read_file) {
    // The host copy has waited while another device served: look at it again.
    move.mark.step = MoveStep::kVerify;
    RETURN_IF_ERROR(rooms.transfers.Verify(
        loaded.plan, loaded.host, loaded.checksums, move.stop.get_token()));
    EndStep(move, MoveStep::kVerify);
  }

  move.mark.step = MoveStep::kWarmup;
  const WeightSet& weights =
      residence.weights.has_value() ? *residence.weights : loaded.host;
  const WeightSet* state =
      residence.state.has_value() ? &*residence.state : nullptr;
  ASSIGN_OR_RETURN(residence.instance, loaded.program->Bind(weights, state));
  if (move.exemplar != nullptr) {
    // What the model answers does not matter, and if it refuses, requests will
    // tell their senders; a device that fails does.
    RETURN_IF_ERROR(residence.instance->WarmUp(
        move.exemplar->inputs(), move.stop.get_token(), kWarmUpMax));
  }
  EndStep(move, MoveStep::kWarmup);
  return move.stop.stop_requested() ? Stopped() : absl::OkStatus();
}

// What must not run while a move switches: of an unload anything that was
// accepted, of a stateful model anything, since its state is carried over.
void Mover::Work::StandStill(Move& move) {
  ModelRecord& record = *move.record;
  const bool unloads = move.kind == MoveKind::kUnload;
  const bool carries_state = !move.fresh.empty() && record.loaded != nullptr &&
                             record.loaded->program->stateful();
  move.mark.step = unloads ? MoveStep::kDrain : MoveStep::kSwitch;
  if (!unloads && !carries_state) return;
  {
    MutexLock lock(rooms.table.mutex_);
    if (unloads) {
      record.leaving = true;
    } else {
      INVARIANT(move.fresh.size() == 1 && record.residences.size() == 1);
      record.stands_still = true;
      record.residences.front()->awaited = true;
    }
  }
  rooms.table.NotifyChanged(move.spec.name);
}

// False when the move waits, and whoever ends the last request goes on with it.
bool Mover::Work::AwaitStill(Move& move) {
  ModelRecord& record = *move.record;
  MutexLock lock(rooms.table.mutex_);
  const bool still =
      (!record.leaving || record.admissions == 0) &&
      (!record.stands_still || record.residences.front()->pins == 0);
  if (still || move.stop.stop_requested()) return true;
  move.mark.parked = true;
  return false;
}

absl::Status Mover::Work::Switch(Move& move) {
  ModelRecord& record = *move.record;
  absl::Status switched =
      move.stop.stop_requested() ? Stopped() : absl::OkStatus();
  // By the mover itself: requests wait for it.
  if (switched.ok() && record.stands_still) {
    switched = move.fresh.front()->instance->CarryStateFrom(
        *record.residences.front()->instance);
  }
  {
    MutexLock lock(rooms.table.mutex_);
    if (switched.ok()) {
      Publish(move);
    } else {
      record.leaving = false;
      for (const auto& residence : record.residences) {
        residence->awaited = false;
      }
    }
  }
  if (record.stands_still) {
    // Requests that wait go along before the first of them may run.
    rooms.table.NotifyChanged(move.spec.name);
    record.stands_still = false;
    rooms.table.NotifyChanged(move.spec.name);
  }
  EndStep(move, move.mark.step);
  return switched;
}

// The moment in which everything visible changes.
void Mover::Work::Publish(Move& move) {
  ModelRecord& record = *move.record;
  if (move.kind == MoveKind::kUnload) {
    move.left = std::move(record.loaded);
    move.retired = std::move(record.residences);
    record.residences.clear();
    return;
  }
  if (move.loaded != nullptr) {
    record.loaded = std::move(move.loaded);
    record.version = move.version;
    record.path = move.version_path;
    record.signature = record.loaded->signature;
    record.learned = false;
    record.exemplar = nullptr;
    record.loaded_at = absl::Now();
  }
  const auto stays = [&](const std::unique_ptr<Residence>& residence) {
    return std::ranges::find(move.plan.drop, residence->device) ==
           move.plan.drop.end();
  };
  const auto dropped = std::stable_partition(record.residences.begin(),
                                             record.residences.end(), stays);
  std::move(dropped, record.residences.end(), std::back_inserter(move.retired));
  record.residences.erase(dropped, record.residences.end());
  std::ranges::move(move.fresh, std::back_inserter(record.residences));
  move.fresh.clear();
  record.recent_run_seconds = ModelRecord::kNotRun;
}

// False when the move waits for what still runs on a retired Residence.
bool Mover::Work::AwaitDrained(Move& move) {
  MutexLock lock(rooms.table.mutex_);
  for (const auto& residence : move.retired) {
    residence->awaited = true;
    move.mark.parked |= residence->pins > 0;
  }
  return !move.mark.parked;
}

}  // namespace ferry
