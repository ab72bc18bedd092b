// From Begin to End as a move goes. Until Publish returning an error undoes
// everything: what was prepared hangs on the Move and is freed with it.

#include "server/registry/move.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/ids.h"
#include "server/base/invariant.h"
#include "server/base/log.h"
#include "server/base/status_macros.h"
#include "server/formats/open_model.h"
#include "server/registry/background.h"
#include "server/values/signature_check.h"

namespace ferry {
namespace {

// What warms a model up had run within ModelTable::kExemplarRunMax, but
// elsewhere.
constexpr absl::Duration kWarmUpMax = absl::Seconds(5);

absl::Status CheckReplicas(const std::string& model, const Program& program,
                           const MovePlan& plan) {
  if (!program.stateful() || plan.keep.size() + plan.fill.size() <= 1) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      QuotedModel(model),
      ": forward writes the model's own state, so it can serve on one device "
      "at a time"));
}

}  // namespace

bool Move::Answers(const MoveTask& other) const {
  const auto* move = dynamic_cast<const Move*>(&other);
  return move != nullptr && request_.kind == MoveKind::kLoad &&
         move->request_ == request_;
}

std::optional<absl::StatusOr<MoveOutcome>> Move::Begin(
    std::function<void()> resume) {
  auto start = rooms_.table.BeginMove(request_, std::move(resume));
  if (!start.ok()) return start.status();
  if (start->nothing_to_do.has_value()) {
    return MoveOutcome{*std::move(start->nothing_to_do), std::nullopt};
  }
  claim_.emplace(*std::move(start->claim));
  return std::nullopt;
}

std::optional<absl::StatusOr<MoveOutcome>> Move::GoOn(const MoveStop& stop) {
  std::optional<absl::Status> status = Run(stop);
  if (!status.has_value()) return std::nullopt;
  if (absl::IsCancelled(*status)) status = stop.Why();
  if (!status->ok()) {
    for (const Device* device : rooms_.devices.devices()) {
      rooms_.table.AskHealth(*device);
    }
  }
  return End(*status);
}

absl::StatusOr<MoveOutcome> Move::GiveUp(const MoveStop& stop) {
  record_.EndStep(MoveStep::kQueue);
  return End(stop.Why());
}

// To the end, whose status it returns, or to where requests have to end first:
// another mover may have it by then.
std::optional<absl::Status> Move::Run(const MoveStop& stop) {
  if (stage_ == Stage::kPrepare) {
    record_.EndStep(MoveStep::kQueue);
    if (absl::Status prepared = Prepare(stop); !prepared.ok()) return prepared;
    stage_ = Stage::kSwitch;
    StandStill();
  }
  if (stage_ == Stage::kSwitch) {
    if (!claim_->AwaitIdle() && !stop.requested()) return std::nullopt;
    if (absl::Status switched = Switch(stop); !switched.ok()) return switched;
    stage_ = Stage::kDrain;
    claim_->mark().step = MoveStep::kDrain;
    if (!retired_.residences.empty()) claim_->Tell();
  }
  if (!claim_->AwaitIdle(retired_)) return std::nullopt;
  Free();
  record_.EndStep(MoveStep::kDrain);
  return absl::OkStatus();
}

absl::Status Move::Prepare(const MoveStop& stop) {
  if (stop.requested()) return stop.Why();
  edit_.unload = request_.kind == MoveKind::kUnload;
  if (edit_.unload) return absl::OkStatus();
  if (request_.kind == MoveKind::kLoad) {
    RETURN_IF_ERROR(InBackground([&] { return Open(stop); }));
  }
  RETURN_IF_ERROR(Decide());
  return InBackground([&] { return Copy(stop); });
}

// DECIDE, a load's first half: what there is to carry.
absl::Status Move::Open(const MoveStop& stop) {
  ASSIGN_OR_RETURN(ModelFile file,
                   FindModelFile(rooms_.model_directories,
                                 {.name = request_.model.name,
                                  .version = request_.model.version,
                                  .source = request_.path}));
  edit_.version = file.version;
  edit_.path = file.path;
  sidecar_ = std::move(file.sidecar);
  ASSIGN_OR_RETURN(source_,
                   rooms_.formats.open_source(std::move(file.fd), file.path));
  // Code that does not need weights is compiled before any is read: a file that
  // cannot serve is refused while that is cheap.
  return BuildProgram(nullptr, stop);
}

// Without the host copy there may be none yet.
absl::Status Move::BuildProgram(const WeightSet* host, const MoveStop& stop) {
  const SignatureFile sidecar = sidecar_.value_or(SignatureFile());
  ASSIGN_OR_RETURN(program_,
                   rooms_.formats.open_program(*source_, host, stop.token(),
                                               sidecar.host_inputs));
  if (program_ == nullptr) return absl::OkStatus();
  Signature signature = program_->signature();
  if (sidecar_.has_value()) RETURN_IF_ERROR(Declare(sidecar, signature));
  signature_ = std::make_shared<const Signature>(std::move(signature));
  return absl::OkStatus();
}

// Snapshot, plan, take: what does not fit is refused here, before a byte is
// allocated.
absl::Status Move::Decide() {
  const LoadedModel* const there = claim_->loaded();
  const Program* const program =
      there != nullptr ? there->program.get() : program_.get();
  ASSIGN_OR_RETURN(plan_, PlanFor(program));
  edit_.keep = plan_.keep;
  if (program != nullptr) {
    RETURN_IF_ERROR(CheckReplicas(claim_->model(), *program, plan_));
  }
  RETURN_IF_ERROR(Take(source_ != nullptr ? source_->layout().size_bytes
                                          : there->host.size_bytes()));
  if (program != nullptr) RETURN_IF_ERROR(TakeState(*program));
  record_.EndStep(MoveStep::kDecide);
  return absl::OkStatus();
}

absl::StatusOr<MovePlan> Move::PlanFor(const Program* program) const {
  std::vector<DeviceSnapshot> devices;
  for (const Device* device : rooms_.devices.devices()) {
    const Arena::Usage usage = rooms_.weights.usage(device->id());
    devices.push_back({.id = device->id(),
                       .capacity_bytes = usage.capacity_bytes,
                       .used_bytes = usage.used_bytes,
                       .largest_gap_bytes = usage.largest_gap_bytes,
                       .healthy = device->Health().ok()});
  }
  const LoadedModel* const there = claim_->loaded();
  MoveQuestion question;
  question.model = claim_->model();
  question.wanted = request_.destination.devices;
  question.automatic = request_.destination.automatic;
  question.has_host_copy = there != nullptr;
  question.size_bytes = source_ != nullptr ? source_->layout().size_bytes
                                           : there->host.size_bytes();
  question.serving = claim_->residences();
  if (program != nullptr) question.state_bytes = program->state_bytes();
  return PlanMove(devices, question);
}

absl::Status Move::Take(uint64_t image_bytes) {
  if (plan_.read_file) {
    ASSIGN_OR_RETURN(WeightSet host, rooms_.weights.Take(kCpu, image_bytes));
    edit_.loaded = std::make_unique<LoadedModel>(
        LoadedModel{.plan = PlanTransfer(source_->layout()),
                    .checksums = {},
                    .host = std::move(host),
                    .signature = nullptr,
                    .declared = {},
                    .program = nullptr});
  }
  std::vector<Place> to = PlacesOn(plan_.keep);
  uint64_t total_bytes = plan_.read_file ? image_bytes : 0;
  for (const DeviceId device : plan_.fill) {
    auto residence = std::make_unique<Residence>();
    residence->device = device;
    if (device.kind != DeviceKind::kCpu) {
      ASSIGN_OR_RETURN(WeightSet weights,
                       rooms_.weights.Take(device, image_bytes));
      residence->weights.emplace(std::move(weights));
      total_bytes += image_bytes;
    }
    edit_.add.push_back(std::move(residence));
    to.push_back(Place::On(device));
  }
  claim_->Plan(std::move(to), total_bytes);
  return absl::OkStatus();
}

// Of a program that was not known to DECIDE this comes late, and is undone with
// what was read.
absl::Status Move::TakeState(const Program& program) {
  if (program.state_bytes() == 0) return absl::OkStatus();
  for (const auto& residence : edit_.add) {
    ASSIGN_OR_RETURN(
        WeightSet state,
        rooms_.weights.Take(residence->device, program.state_bytes()));
    residence->state.emplace(std::move(state));
  }
  return absl::OkStatus();
}

// COPY: bytes, then an Instance over them, then its first run, while the old
// place serves.
absl::Status Move::Copy(const MoveStop& stop) {
  if (plan_.read_file) RETURN_IF_ERROR(FillHost(stop));
  for (const auto& residence : edit_.add) {
    RETURN_IF_ERROR(Fill(*residence, stop));
  }
  return absl::OkStatus();
}

absl::Status Move::FillHost(const MoveStop& stop) {
  LoadedModel& loaded = *edit_.loaded;
  claim_->mark().step = MoveStep::kCopy;
  ASSIGN_OR_RETURN(const TransferReport read,
                   rooms_.transfers.Read({.source = *source_,
                                          .plan = loaded.plan,
                                          .host = loaded.host,
                                          .checksums = loaded.checksums,
                                          .progress = Progress(0),
                                          .stop = stop.token()}));
  record_.CountHop(Place::Disk(), Place::Host(), read);
  if (program_ == nullptr) {
    RETURN_IF_ERROR(BuildProgram(&loaded.host, stop));
    RETURN_IF_ERROR(CheckReplicas(claim_->model(), *program_, plan_));
    RETURN_IF_ERROR(TakeState(*program_));
    record_.EndStep(MoveStep::kWarmup);
  }
  source_.reset();  // All the file's code, which nobody needs any more.
  loaded.declared = ShapeIndex(signature_->input_shapes);
  loaded.signature = std::move(signature_);
  loaded.program = std::move(program_);
  if (!loaded.program->ran_code_at_load()) return absl::OkStatus();
  // It may have written to the bytes that it was given, and what it left there
  // is what the model now is.
  RETURN_IF_ERROR(rooms_.transfers.Sum(loaded.plan, loaded.host,
                                       loaded.checksums, stop.token()));
  record_.EndStep(MoveStep::kVerify);
  return absl::OkStatus();
}

absl::Status Move::Fill(Residence& residence, const MoveStop& stop) {
  if (residence.weights.has_value()) {
    RETURN_IF_ERROR(Carry(residence, stop));
  } else if (!plan_.read_file) {
    // The host copy has waited while another device served: look at it again.
    claim_->mark().step = MoveStep::kVerify;
    RETURN_IF_ERROR(rooms_.transfers.Verify(loaded().plan, loaded().host,
                                            loaded().checksums, stop.token()));
    record_.EndStep(MoveStep::kVerify);
  }
  RETURN_IF_ERROR(WarmUp(residence, stop));
  return stop.requested() ? stop.Why() : absl::OkStatus();
}

absl::Status Move::Carry(Residence& residence, const MoveStop& stop) {
  // Page-locked when a GPU first wants it, not when it is read: a model that
  // never leaves the cpu does not pay, and nobody waits for this move.
  const absl::Status page_locked =
      loaded().host.lease().RegisterWith(residence.weights->device());
  if (!page_locked.ok()) {
    Log(LogLevel::kWarning, "host memory not page-locked, copies are slower",
        {{"model", claim_->model()},
         {"error", std::string(page_locked.message())}});
  }
  record_.EndStep(MoveStep::kDecide);
  claim_->mark().step = MoveStep::kCopy;
  ASSIGN_OR_RETURN(
      const TransferReport copied,
      rooms_.transfers.Copy({.plan = loaded().plan,
                             .from = loaded().host,
                             .to = *residence.weights,
                             .checksums = loaded().checksums,
                             .progress = Progress(record_.copied_bytes()),
                             .stop = stop.token()}));
  record_.CountHop(Place::Host(), Place::On(residence.device), copied);
  return absl::OkStatus();
}

absl::Status Move::WarmUp(Residence& residence, const MoveStop& stop) {
  claim_->mark().step = MoveStep::kWarmup;
  const WeightSet& weights =
      residence.weights.has_value() ? *residence.weights : loaded().host;
  const WeightSet* state =
      residence.state.has_value() ? &*residence.state : nullptr;
  ASSIGN_OR_RETURN(residence.instance, loaded().program->Bind(weights, state));
  if (const auto exemplar = claim_->exemplar(); exemplar != nullptr) {
    RETURN_IF_ERROR(residence.instance->WarmUp(exemplar->inputs(), stop.token(),
                                               kWarmUpMax));
  }
  record_.EndStep(MoveStep::kWarmup);
  return absl::OkStatus();
}

// SWITCH. What must not run meanwhile: of an unload anything that was accepted,
// of a stateful model anything, since its state is carried over.
void Move::StandStill() {
  const bool carries_state = !edit_.add.empty() &&
                             claim_->loaded() != nullptr &&
                             claim_->loaded()->program->stateful();
  claim_->mark().step = edit_.unload ? MoveStep::kDrain : MoveStep::kSwitch;
  if (edit_.unload) claim_->Close();
  if (carries_state) {
    INVARIANT(edit_.add.size() == 1);
    claim_->Pause();
  }
}

absl::Status Move::Switch(const MoveStop& stop) {
  absl::Status switched = stop.requested() ? stop.Why() : absl::OkStatus();
  // By the mover itself: requests wait for it.
  if (switched.ok() && claim_->paused()) {
    switched = edit_.add.front()->instance->CarryStateFrom(claim_->instance());
  }
  if (switched.ok()) {
    retired_ = claim_->Publish(std::move(edit_));
    edit_ = {};
  } else {
    claim_->Reopen();
  }
  record_.EndStep(claim_->mark().step);
  return switched;
}

// Gives back what was prepared or retired, Instances before the weights that
// they are bound to. Nothing to do for a move that has not begun: its client's
// own thread ends it.
void Move::Free() {
  if (edit_.add.empty() && edit_.loaded == nullptr && program_ == nullptr &&
      source_ == nullptr && retired_.residences.empty() &&
      retired_.loaded == nullptr) {
    return;
  }
  InBackground([&] {
    edit_.add.clear();
    retired_.residences.clear();
    retired_.loaded.reset();
    program_.reset();
    edit_.loaded.reset();
    source_.reset();
    return absl::OkStatus();
  }).IgnoreError();
}

// Reports it, ends the claim, and says what to tell everybody.
absl::StatusOr<MoveOutcome> Move::End(const absl::Status& status) {
  const bool found_file = !edit_.path.empty();
  // Whatever was prepared and not published goes back first, so that an answer
  // means that its bytes are free again.
  Free();
  const MoveReport& report =
      record_.End(claim_->id(), claim_->mark().from, claim_->mark().to,
                  status.ok() && request_.kind != MoveKind::kUnload, status);
  rooms_.history.Keep(report);
  ModelSnapshot snapshot = claim_->End(status, found_file);
  if (!status.ok()) return status;
  return MoveOutcome{.model = std::move(snapshot), .report = report};
}

absl::Status Move::InBackground(const std::function<absl::Status()>& work) {
  const MoveMark& mark = claim_->mark();
  const auto now = [&] {
    return std::pair<MoveStep, uint64_t>(mark.step, mark.done_bytes);
  };
  auto told = now();
  return RunInBackground(work, [&] {
    if (told == now()) return;
    told = now();
    claim_->Tell();
  });
}

TransferProgress Move::Progress(uint64_t base_bytes) const {
  return [&mark = claim_->mark(), base_bytes](uint64_t done_bytes) {
    mark.done_bytes = base_bytes + done_bytes;
  };
}

const LoadedModel& Move::loaded() const {
  return edit_.loaded != nullptr ? *edit_.loaded : *claim_->loaded();
}

}  // namespace ferry
