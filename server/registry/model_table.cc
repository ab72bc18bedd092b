#include "server/registry/model_table.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/ids.h"
#include "server/base/invariant.h"
#include "server/base/status_macros.h"
#include "server/metrics/catalog.h"
#include "server/registry/check_move.h"
#include "server/registry/exemplar.h"
#include "server/registry/model_record.h"
#include "server/values/signature_check.h"

namespace ferry {

ModelTable::ModelTable(Metrics& metrics, Options options)
    : metrics_(metrics), options_(std::move(options)) {}

ModelTable::~ModelTable() {
  MutexLock lock(mutex_);
  for (const auto& [id, record] : records_) {
    INVARIANT(record->admissions == 0 && record->pins == 0);
    INVARIANT(record->move == nullptr);
  }
  MutexLock watch_lock(watch_mutex_);
  INVARIANT(watchers_.empty());
}

absl::StatusOr<ModelRecord*> ModelTable::FindServing(std::string_view name,
                                                     int64_t version) const {
  ModelRecord* const record = Find(name);
  if (record == nullptr) {
    return absl::NotFoundError(
        absl::StrCat(QuotedModel(name),
                     ": there is no such model here; LoadModel loads one"));
  }
  if (record->leaving) {
    return absl::FailedPreconditionError(
        absl::StrCat(QuotedModel(name), ": it is being unloaded"));
  }
  if (record->residences.empty()) {
    const bool loading = record->move != nullptr;
    return absl::FailedPreconditionError(absl::StrCat(
        QuotedModel(name),
        loading ? ": it is still loading" : ": it is not loaded",
        record->last_error.empty()
            ? ""
            : absl::StrCat("; the last load failed: ", record->last_error)));
  }
  if (Serving(*record).empty()) return WhyNowhere(*record);
  if (version != 0 && version != record->id.version) {
    return NoSuchVersion(record->id, version);
  }
  return record;
}

absl::StatusOr<ModelTable::Admission> ModelTable::Admit(std::string_view name,
                                                        int64_t version,
                                                        uint64_t size_bytes) {
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(ModelRecord * record, FindServing(name, version));
  if (record->admissions >= options_.requests_max) {
    return absl::ResourceExhaustedError(
        absl::StrCat(QuotedModel(name), ": its queue is full with ",
                     record->admissions, " requests; try again later"));
  }
  if (size_bytes > options_.request_bytes_max - record->admitted_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        QuotedModel(name), ": its ", record->admissions, " requests take ",
        record->admitted_bytes, " bytes, this one would take ", size_bytes,
        " more, and a model's may take ", options_.request_bytes_max,
        record->admissions == 0 ? "; send less" : "; try again later"));
  }
  ++record->admissions;
  record->admitted_bytes += size_bytes;
  return Admission(this, record, size_bytes);
}

ModelTable::Pin ModelTable::PinOn(const Admission& admission, DeviceId device) {
  Pin pin;
  ModelRecord* record = admission.record_;
  MutexLock lock(mutex_);
  if (record->stands_still) return pin;
  for (const auto& residence : record->residences) {
    if (residence->device != device || !Serves(*residence)) continue;
    ++residence->pins;
    ++record->pins;
    pin.table_ = this;
    pin.record_ = record;
    pin.residence_ = residence.get();
    pin.version_ = record->id.version;
    pin.wants_exemplar_ = !record->learned;
    break;
  }
  return pin;
}

void ModelTable::Learn(const Pin& pin, absl::Duration run,
                       std::span<const NamedValue> inputs,
                       std::span<const NamedValue> outputs) {
  ModelRecord& record = *pin.record_;
  auto exemplar = run <= kExemplarRunMax
                      ? Exemplar::Copy(inputs, kExemplarBytesMax)
                      : nullptr;
  auto signature = std::make_shared<const Signature>(
      WithLearned(*record.loaded->signature, inputs, outputs));
  {
    MutexLock lock(mutex_);
    if (record.learned) return;
    record.learned = true;
    record.exemplar = std::move(exemplar);
    record.signature = std::move(signature);
  }
  NotifyChanged(pin.record_->id.name);
}

void ModelTable::Unpin(ModelRecord* record, Residence* residence) {
  MutexLock lock(mutex_);
  INVARIANT(residence->pins > 0 && record->pins > 0);
  --record->pins;
  if (--residence->pins == 0 && residence->awaited) Resume(*record);
}

void ModelTable::Release(ModelRecord* record, uint64_t size_bytes) {
  MutexLock lock(mutex_);
  INVARIANT(record->admissions > 0 && record->admitted_bytes >= size_bytes);
  record->admitted_bytes -= size_bytes;
  if (--record->admissions == 0 && record->leaving) Resume(*record);
}

void ModelTable::Resume(const ModelRecord& record) {
  if (record.move != nullptr) record.move->resume();
}

void ModelTable::CountRefused(std::string_view name, absl::StatusCode code) {
  {
    MutexLock lock(mutex_);
    if (ModelRecord* record = Find(name)) return record->metrics.Count(code);
  }
  metrics_.Add(kInferRequestsTotal,
               {Metrics::kOtherModel, absl::StatusCodeToString(code)});
}

ModelRecord* ModelTable::Find(std::string_view name, int64_t version) const {
  const auto found = records_.lower_bound(ById::Key{name, version});
  if (found == records_.end() || found->first.name != name) return nullptr;
  if (version != 0 && found->first.version != version) return nullptr;
  return found->second.get();
}

absl::StatusOr<ModelSnapshot> ModelTable::Get(std::string_view name,
                                              int64_t version) const {
  MutexLock lock(mutex_);
  if (const ModelRecord* record = Find(name, version)) {
    return SnapshotOf(*record);
  }
  if (const ModelRecord* other = Find(name)) {
    return NoSuchVersion(other->id, version);
  }
  return absl::NotFoundError(
      absl::StrCat(QuotedModel(name), ": there is no such model here"));
}

std::vector<ModelSnapshot> ModelTable::List() const {
  std::vector<ModelSnapshot> models;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, record] : records_) {
      models.push_back(SnapshotOf(*record));
    }
  }
  return models;
}

ModelSnapshot ModelTable::SnapshotOf(const ModelRecord& record) const {
  ModelSnapshot snapshot;
  snapshot.id = record.id;
  for (const DeviceId device : Serving(record)) {
    snapshot.serving_on.push_back(device);
  }
  snapshot.state = DeriveState({.in_host_memory = record.loaded != nullptr,
                                .serves = !snapshot.serving_on.empty(),
                                .moving = record.move != nullptr,
                                .leaving = record.leaving});
  snapshot.path = record.path;
  snapshot.bytes = record.BytesByDevice();
  if (record.loaded != nullptr) {
    snapshot.weight_bytes = record.loaded->host.size_bytes();
    snapshot.platform = record.loaded->program->platform();
    snapshot.stateful = record.loaded->program->stateful();
    snapshot.activation_peak_bytes =
        record.loaded->program->activation_peak_bytes();
  }
  snapshot.signature = record.signature;
  if (const MoveMark* move = record.move; move != nullptr) {
    snapshot.move = MoveProgress{.from = move->from,
                                 .to = move->to,
                                 .step = move->step,
                                 .done_bytes = move->done_bytes,
                                 .total_bytes = move->total_bytes,
                                 .started_at = move->started_at};
  }
  snapshot.last_error = record.last_error;
  snapshot.loaded_at = record.loaded_at;
  snapshot.queued_requests = record.admissions - record.pins;
  return snapshot;
}

ModelTable::Watch ModelTable::WatchChanges(
    std::function<void(std::string_view name)> changed) {
  MutexLock lock(watch_mutex_);
  const int64_t key = next_watch_++;
  watchers_.emplace_back(key, std::move(changed));
  return {this, key};
}

void ModelTable::Unwatch(int64_t key) {
  MutexLock lock(watch_mutex_);
  std::erase_if(watchers_, [&](const auto& w) { return w.first == key; });
}

void ModelTable::NotifyChanged(std::string_view name) {
  MutexLock lock(watch_mutex_);
  for (const auto& [key, changed] : watchers_) changed(name);
}

ModelTable::Watch::Watch(Watch&& other) noexcept
    : table_(std::exchange(other.table_, nullptr)), key_(other.key_) {}

ModelTable::Watch::~Watch() {
  if (table_ != nullptr) table_->Unwatch(key_);
}

ModelTable::Admission::Admission(Admission&& other) noexcept
    : table_(std::exchange(other.table_, nullptr)),
      record_(std::exchange(other.record_, nullptr)),
      size_bytes_(std::exchange(other.size_bytes_, 0)) {}

ModelTable::Admission& ModelTable::Admission::operator=(
    Admission&& other) noexcept {
  Admission taken(std::move(other));
  std::swap(table_, taken.table_);
  std::swap(record_, taken.record_);
  std::swap(size_bytes_, taken.size_bytes_);
  return *this;  // `taken` ends what this object held before.
}

ModelTable::Admission::~Admission() {
  if (table_ != nullptr) table_->Release(record_, size_bytes_);
}

const std::string& ModelTable::Admission::model() const {
  static const std::string kNone;
  return record_ == nullptr ? kNone : record_->id.name;
}

int64_t ModelTable::Admission::version() const { return record_->id.version; }

ModelMetrics& ModelTable::Admission::metrics() const {
  return record_->metrics;
}

RunEstimate& ModelTable::Admission::run_estimate() const {
  return record_->run_estimate;
}

bool ModelTable::Admission::stands_still() const {
  return record_ != nullptr && record_->stands_still;
}

const ShapeIndex& ModelTable::Admission::declared() const {
  return record_->loaded->declared;
}

const std::vector<Argument>& ModelTable::Admission::outputs() const {
  return record_->loaded->signature->outputs;
}

std::shared_ptr<const Signature> ModelTable::Pin::signature() const {
  MutexLock lock(table_->mutex_);
  return record_->signature;
}

ModelTable::Pin::Pin(Pin&& other) noexcept
    : table_(std::exchange(other.table_, nullptr)),
      record_(std::exchange(other.record_, nullptr)),
      residence_(std::exchange(other.residence_, nullptr)),
      version_(other.version_),
      wants_exemplar_(other.wants_exemplar_) {}

ModelTable::Pin& ModelTable::Pin::operator=(Pin&& other) noexcept {
  Pin taken(std::move(other));
  std::swap(table_, taken.table_);
  std::swap(record_, taken.record_);
  std::swap(residence_, taken.residence_);
  std::swap(version_, taken.version_);
  std::swap(wants_exemplar_, taken.wants_exemplar_);
  return *this;
}

ModelTable::Pin::~Pin() {
  if (table_ != nullptr) table_->Unpin(record_, residence_);
}

}  // namespace ferry
