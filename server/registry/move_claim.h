// A MoveClaim is the right to change where one model is, from BeginMove to End.
// There is at most one of a model.
//
// All that a move changes in the table, it changes here, a whole edit at a
// time: the table applies it under its lock, and tells those who watch. Until
// Publish clients see nothing but the progress; after it nothing can fail.
//
// Owns:     the mark that clients see of the move. The table outlives it.
// Threads:  one thread at a time; `resume` is called from any, with the table's
//           lock held.
// Units:    bytes.

#ifndef SERVER_REGISTRY_MOVE_CLAIM_H_
#define SERVER_REGISTRY_MOVE_CLAIM_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "server/registry/check_move.h"
#include "server/registry/model_record.h"
#include "server/registry/model_table.h"

namespace ferry {

class [[nodiscard]] MoveClaim {
 public:
  MoveClaim(MoveClaim&& other) noexcept = default;
  MoveClaim& operator=(MoveClaim&&) = delete;
  ~MoveClaim();  // INVARIANT: it has ended.

  const ModelId& id() const;  // Version 0 until a load publishes.
  const std::string& model() const { return id().name; }
  // Its step and its bytes are for whoever works on the move to set.
  MoveMark& mark() const { return *mark_; }

  // What is in memory, or null. Stays as it is until Publish.
  const LoadedModel* loaded() const;
  // But those whose weights were written: no move keeps them.
  std::vector<DeviceId> residences() const;
  std::shared_ptr<const Exemplar> exemplar() const;
  // Of a model that serves on one device.
  Instance& instance() const;

  // Shows where it goes, and how many bytes that will take.
  void Plan(std::vector<Place> to, uint64_t total_bytes) const;

  // Takes no new request; what was accepted goes on.
  void Close() const;
  // Nothing of it starts; what runs goes on. Of a model that serves on one
  // device.
  void Pause() const;
  bool paused() const;
  // After Close, whether every request has ended; after Pause, whether nothing
  // runs. When false, `resume` is called as soon as that is so.
  bool AwaitIdle() const;
  // Takes back Close or Pause.
  void Reopen() const;

  struct Edit {
    // Of a load, with where it came from; version 0: it is no load.
    std::unique_ptr<LoadedModel> loaded;
    int64_t version = 0;
    std::string path;

    std::vector<std::unique_ptr<Residence>> add;
    std::vector<DeviceId> keep;  // Of those there were; the others go.
    bool unload = false;         // Everything.
  };
  // What serves no more; its owner frees it, Residences first.
  struct Retired {
    std::unique_ptr<LoadedModel> loaded;
    std::vector<std::unique_ptr<Residence>> residences;
  };
  // The moment in which everything visible changes. Ends a Pause: requests that
  // wait follow to where the model is now before the first of them runs.
  Retired Publish(Edit edit) const;
  // Whether nothing runs there any more. When false, `resume` is called as soon
  // as that is so.
  bool AwaitIdle(const Retired& retired) const;

  // Tells those who watch that the progress has changed.
  void Tell() const;

  // The end; `found_file` as WorthRemembering has it. What a client sees then.
  ModelSnapshot End(const absl::Status& status, bool found_file);

 private:
  friend class ModelTable;
  MoveClaim(ModelTable& table, ModelRecord& record,
            std::unique_ptr<MoveMark> mark)
      : table_(&table), record_(&record), mark_(std::move(mark)) {}

  void EndPause() const;

  ModelTable* table_;
  ModelRecord* record_;  // Stays while its move runs.
  std::unique_ptr<MoveMark> mark_;
};

// A move's beginning: a claim, or the model when there is nothing to do.
struct MoveStart {
  std::optional<MoveClaim> claim;
  std::optional<ModelSnapshot> nothing_to_do;
};

}  // namespace ferry

#endif  // SERVER_REGISTRY_MOVE_CLAIM_H_
