// A ModelTable is which model is where: the one set of facts that requests are
// routed by, moves change, and clients are shown.
//
// A request holds its model twice: an Admission from Submit to its end, which
// keeps the model known, and a Pin while it runs, which keeps one Residence
// alive. A long queue therefore never delays a move: only running requests do.
//
// A device that has failed serves nothing: no request is sent there from the
// moment on that anybody saw it. Its Residences stay until a move takes the
// model away.
//
// Nothing writes to weights that serve: a model that may is given a copy. After
// some of the runs one chunk of them is summed again (Audit), and a Residence
// whose weights were written all the same serves nothing from then on.
//
// Owns:     every model's Program, host copy and Residences.
// Threads:  thread-safe; nothing waits.
// Units:    bytes.
// Fails:    NOT_FOUND no such model or version; FAILED_PRECONDITION known but
//           not serving; UNAVAILABLE its devices have failed; DATA_LOSS its
//           weights were written;
//           RESOURCE_EXHAUSTED its queue is full.
// Limits:   Options::models_max models, Options::requests_max admitted requests
//           a model and Options::request_bytes_max of memory that they take,
//           kExemplarBytesMax and kExemplarRunMax a remembered input,
//           kShapesMax shapes learned of its inputs, and of its outputs.

#ifndef SERVER_REGISTRY_MODEL_TABLE_H_
#define SERVER_REGISTRY_MODEL_TABLE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/base/ids.h"
#include "server/base/mutex.h"
#include "server/devices/device.h"
#include "server/executors/instance.h"
#include "server/metrics/metrics.h"
#include "server/metrics/model_metrics.h"
#include "server/registry/model_state.h"
#include "server/registry/residence.h"
#include "server/registry/run_estimate.h"
#include "server/values/signature.h"
#include "server/values/signature_check.h"
#include "server/values/value.h"

namespace ferry {

class MoveClaim;     // move_claim.h
struct ModelRecord;  // model_record.h
struct MoveFacts;    // check_move.h
struct MoveRequest;  // check_move.h
struct MoveStart;    // move_claim.h

class ModelTable {
 public:
  static constexpr uint64_t kExemplarBytesMax = uint64_t{4} << 20;
  static constexpr absl::Duration kExemplarRunMax = absl::Seconds(1);

  struct Options {
    size_t models_max = 1024;
    int64_t requests_max = 1024;
    uint64_t request_bytes_max = uint64_t{512} << 20;
    // Told of each device that has failed, once, by the thread that saw it,
    // which holds no lock.
    std::function<void(DeviceId device, const absl::Status& why)> lost = {};
    // A run of a model in so many is audited; 0: none.
    uint64_t audit_runs = 0;
    // Told of each Residence whose weights were written, as `lost` is.
    std::function<void(DeviceId device, const absl::Status& why)> damaged = {};
  };
  // `metrics` outlives the table.
  ModelTable(Metrics& metrics, Options options);
  ~ModelTable();  // INVARIANT: no admission, pin or watch is left.

  ModelTable(const ModelTable&) = delete;
  ModelTable& operator=(const ModelTable&) = delete;

  // Keeps a model known until the request is answered.
  class [[nodiscard]] Admission {
   public:
    Admission() = default;
    Admission(Admission&& other) noexcept;
    Admission& operator=(Admission&& other) noexcept;
    ~Admission();

    explicit operator bool() const { return table_ != nullptr; }
    const std::string& model() const;  // Empty without one.
    int64_t version() const;
    ModelMetrics& metrics() const;
    RunEstimate& run_estimate() const;
    // What its sidecar says of its inputs, and its program of its outputs.
    const ShapeIndex& declared() const;
    const std::vector<Argument>& outputs() const;
    // The model, a stateful one, is about to go on elsewhere: PinOn gives
    // nothing. Whoever watches changes is told when that is over; and before
    // it is, when it serves elsewhere already.
    bool stands_still() const;

   private:
    friend class ModelTable;
    Admission(ModelTable* table, ModelRecord* record, uint64_t size_bytes)
        : table_(table), record_(record), size_bytes_(size_bytes) {}
    ModelTable* table_ = nullptr;
    ModelRecord* record_ = nullptr;
    uint64_t size_bytes_ = 0;
  };

  // Keeps one Residence alive while a batch runs on it.
  class [[nodiscard]] Pin {
   public:
    Pin() = default;
    Pin(Pin&& other) noexcept;
    Pin& operator=(Pin&& other) noexcept;
    ~Pin();

    explicit operator bool() const { return residence_ != nullptr; }
    Instance& instance() const { return *residence_->instance; }
    DeviceId device() const { return residence_->device; }
    int64_t version() const { return version_; }  // Of the model.
    // With what was learned of its inputs by now.
    std::shared_ptr<const Signature> signature() const;
    // The model has not been seen running yet: tell Learn.
    bool wants_exemplar() const { return wants_exemplar_; }

   private:
    friend class ModelTable;
    ModelTable* table_ = nullptr;
    ModelRecord* record_ = nullptr;
    Residence* residence_ = nullptr;
    int64_t version_ = 0;
    bool wants_exemplar_ = false;
  };

  using Devices = absl::InlinedVector<DeviceId, 4>;

  // `version` 0 is the one that is loaded; `size_bytes` is what the request
  // takes in memory.
  absl::StatusOr<Admission> Admit(std::string_view name, int64_t version,
                                  uint64_t size_bytes = 0);

  // Counts a request for `name` that was refused before it was admitted; those
  // for models that are not here are counted together.
  void CountRefused(std::string_view name, absl::StatusCode code);

  // Where the model serves at this moment; empty when it was just retired
  // everywhere, or its devices have failed, or its weights are damaged.
  Devices Where(const Admission& admission) const;
  // Why Where is empty.
  absl::Status WhyNowhere(const Admission& admission) const;

  // A Pin on `device`, or an empty one when the model no longer serves there,
  // or stands still.
  Pin PinOn(const Admission& admission, DeviceId device);

  // Remembers shapes, and inputs to warm up further Instances with, from the
  // first request that succeeded, which ran for `run`. Inputs that run for
  // longer than kExemplarRunMax warm nothing up: a move would wait for them.
  void Learn(const Pin& pin, absl::Duration run,
             std::span<const NamedValue> inputs,
             std::span<const NamedValue> outputs);

  // Says that the pinned Residence ran, and after one run in audit_runs sums a
  // chunk of its weights, another one each time: a fraction of a millisecond.
  void Audit(const Pin& pin);

  // Asks the device how it is; false, from then on for good, when it has
  // failed. For whoever has reason to doubt it.
  bool AskHealth(const Device& device);
  // A model is left with failed devices only.
  bool HasStranded() const;

  // `version` 0: the one that is there.
  absl::StatusOr<ModelSnapshot> Get(std::string_view name,
                                    int64_t version = 0) const;
  std::vector<ModelSnapshot> List() const;  // By name.

  // `changed` is called with a model's name after each change of it, and some
  // ten times a second while it moves: from any thread, one at a time; it
  // must be quick. It is not running any more once the Watch is gone.
  class [[nodiscard]] Watch {
   public:
    Watch(Watch&& other) noexcept;
    Watch& operator=(Watch&&) = delete;
    ~Watch();

   private:
    friend class ModelTable;
    Watch(ModelTable* table, int64_t key) : table_(table), key_(key) {}
    ModelTable* table_;
    int64_t key_;
  };
  Watch WatchChanges(std::function<void(std::string_view name)> changed);

  // For the mover: claims the model of a move, as CheckMove says, or says that
  // there is nothing to do. RESOURCE_EXHAUSTED when models_max are known.
  absl::StatusOr<MoveStart> BeginMove(const MoveRequest& request,
                                      std::function<void()> resume);
  // INVARIANT: no move and no admission is left.
  void Clear();

 private:
  friend class MoveClaim;  // How the table is edited.

  // By name, then version; looked up without making a ModelId.
  struct ById {
    using is_transparent = void;
    using Key = std::pair<std::string_view, int64_t>;
    static Key KeyOf(const ModelId& id) { return {id.name, id.version}; }
    static Key KeyOf(const Key& key) { return key; }
    bool operator()(const auto& a, const auto& b) const {
      return KeyOf(a) < KeyOf(b);
    }
  };

  void Release(ModelRecord* record,
               uint64_t size_bytes);  // An admission's end.
  void Unpin(ModelRecord* record, Residence* residence);
  // Gives a move that waits for requests to a mover again.
  void Resume(const ModelRecord& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Unwatch(int64_t key);
  // Without mutex_.
  void NotifyChanged(std::string_view name);
  // Of this name, in this version, or 0: in any. Null when there is none.
  ModelRecord* Find(std::string_view name, int64_t version = 0) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The version that it was loaded in is known.
  void Rekey(ModelRecord& record, int64_t version)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::unique_ptr<ModelRecord> Forget(const ModelRecord& record)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A new record; `forgotten` is the model that made room, if one had to.
  absl::StatusOr<ModelRecord*> Add(const std::string& name,
                                   std::unique_ptr<ModelRecord>& forgotten)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Damaged(ModelRecord& record, Residence& residence, size_t chunk);
  bool Serves(const Residence& residence) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Where it serves: its Residences but those that are damaged or on devices
  // that have failed.
  Devices Serving(const ModelRecord& record) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status WhyNowhere(const ModelRecord& record) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  MoveFacts FactsOf(const ModelRecord& record) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ModelSnapshot SnapshotOf(const ModelRecord& record) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<ModelRecord*> FindServing(std::string_view name,
                                           int64_t version) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Metrics& metrics_;
  const Options options_;

  // Guards watchers_ alone and is held while they are called.
  mutable Mutex watch_mutex_;
  std::vector<std::pair<int64_t, std::function<void(std::string_view)>>>
      watchers_ ABSL_GUARDED_BY(watch_mutex_);
  int64_t next_watch_ ABSL_GUARDED_BY(watch_mutex_) = 1;

  mutable Mutex mutex_;
  std::map<ModelId, std::unique_ptr<ModelRecord>, ById> records_
      ABSL_GUARDED_BY(mutex_);
  // Devices that have failed, and how. None is ever taken out: a GPU's errors
  // stay with its context for the life of the process.
  std::map<DeviceId, absl::Status> lost_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace ferry

#endif  // SERVER_REGISTRY_MODEL_TABLE_H_
