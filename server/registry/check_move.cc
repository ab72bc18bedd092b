#include "server/registry/check_move.h"

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "server/base/absl_view.h"
#include "server/base/ids.h"
#include "server/registry/move_record.h"

namespace ferry {
namespace {

absl::StatusOr<MoveVerdict> CheckLoad(const MoveRequest& request,
                                      const MoveFacts& known, bool there) {
  if (known.residences.empty()) return MoveVerdict::kBegin;
  const bool same_source =
      (request.path.empty() || request.path == known.path) &&
      (request.model.version == 0 ||
       request.model.version == known.model.version);
  if (same_source && there) return MoveVerdict::kNothingToDo;
  return absl::AlreadyExistsError(absl::StrCat(
      QuotedModel(known.model.name), ": it is loaded already, from ",
      known.path, " version ", known.model.version, " on ",
      PlaceLabel(PlacesOn(known.residences)),
      same_source ? "; MigrateModel carries it to other devices"
                  : "; unload it first, or use another name"));
}

absl::Status CheckVersion(const MoveRequest& request, const MoveFacts& known) {
  const int64_t wanted = request.model.version;
  if (wanted == 0 || wanted == known.model.version) return absl::OkStatus();
  return NoSuchVersion(known.model, wanted);
}

}  // namespace

absl::Status NoSuchVersion(const ModelId& there, int64_t wanted) {
  return absl::NotFoundError(absl::StrCat(
      QuotedModel(there.name), ": version ", wanted, " is not loaded",
      there.version == 0 ? ""
                         : absl::StrCat("; version ", there.version, " is")));
}

absl::StatusOr<MoveVerdict> CheckMove(const MoveRequest& request,
                                      const MoveFacts* known) {
  const std::string model = QuotedModel(request.model.name);
  if (known == nullptr) {
    if (request.kind == MoveKind::kLoad) return MoveVerdict::kBegin;
    return absl::NotFoundError(
        absl::StrCat(model, ": there is no such model here"));
  }
  if (known->moving_to.has_value()) {
    return absl::AbortedError(absl::StrCat(
        model, ": another move of it is under way, to ",
        PlaceLabel(*known->moving_to), "; try again when it has ended"));
  }
  const Destination& wanted = request.destination;
  const bool there = !known->residences.empty() && known->all_serve &&
                     (wanted.automatic || wanted.devices == known->residences);
  if (request.kind == MoveKind::kLoad) {
    return CheckLoad(request, *known, there);
  }
  if (absl::Status version = CheckVersion(request, *known); !version.ok()) {
    return version;
  }
  if (request.kind == MoveKind::kUnload) return MoveVerdict::kBegin;
  if (known->residences.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(model, ": it is not loaded; LoadModel loads it"));
  }
  return there ? MoveVerdict::kNothingToDo : MoveVerdict::kBegin;
}

}  // namespace ferry
