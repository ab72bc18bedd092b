// CheckMove() says whether a move that is asked for may begin.
//
// A pure function of what is known of the model: it takes no lock, and a test
// draws the facts.
//
// Threads:  any; there is no shared state.
// Fails:    NOT_FOUND no such model or version; ALREADY_EXISTS the name is
//           loaded from elsewhere; FAILED_PRECONDITION not loaded;
//           ABORTED another move of the model is under way.

#ifndef SERVER_REGISTRY_CHECK_MOVE_H_
#define SERVER_REGISTRY_CHECK_MOVE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/base/ids.h"
#include "server/devices/place.h"
#include "server/registry/destination.h"

namespace ferry {

enum class MoveKind { kLoad, kMigrate, kUnload };

// What a client asks for.
struct MoveRequest {
  MoveKind kind = MoveKind::kLoad;
  // Version 0: of a load the highest that there is, else the one that serves.
  ModelId model;
  std::string path = "";         // Of a load; empty: found by name and version.
  Destination destination = {};  // Of a load or a migration.

  bool operator==(const MoveRequest&) const = default;
};

// A model of the name that is asked for.
struct MoveFacts {
  ModelId model;
  std::string path = "";
  std::vector<DeviceId> residences =
      {};  // Sorted; those that cannot serve, too.
  bool all_serve = true;
  std::optional<std::vector<Place>> moving_to = {};  // By the move under way.
};

enum class MoveVerdict {
  kBegin,
  kNothingToDo,  // It serves there already.
};

// `known` is null when there is no model of the name.
absl::StatusOr<MoveVerdict> CheckMove(const MoveRequest& request,
                                      const MoveFacts* known);

// Of a model that is there in version `there`.
absl::Status NoSuchVersion(const ModelId& there, int64_t wanted);

}  // namespace ferry

#endif  // SERVER_REGISTRY_CHECK_MOVE_H_
