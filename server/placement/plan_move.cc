#include "server/placement/plan_move.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "server/base/bytes.h"
#include "server/base/invariant.h"
#include "server/base/status_macros.h"

namespace ferry {
namespace {

using Devices = std::vector<DeviceSnapshot>;

bool IsCpu(DeviceId id) { return id.kind == DeviceKind::kCpu; }

bool Contains(const std::vector<DeviceId>& ids, DeviceId id) {
  return std::ranges::find(ids, id) != ids.end();
}

const DeviceSnapshot* Find(const Devices& devices, DeviceId id) {
  const auto found = std::ranges::find(devices, id, &DeviceSnapshot::id);
  return found == devices.end() ? nullptr : &*found;
}

// What a device must have: an image in one piece, and state beside it.
struct Need {
  uint64_t image_bytes = 0;
  uint64_t state_bytes = 0;

  uint64_t all_bytes() const { return image_bytes + state_bytes; }
};

bool Fits(const DeviceSnapshot& device, Need need) {
  // An image without a byte takes a lease too.
  const uint64_t piece_bytes =
      std::max<uint64_t>({1, need.image_bytes, need.state_bytes});
  return device.largest_gap_bytes >= piece_bytes &&
         device.capacity_bytes - device.used_bytes >= need.all_bytes();
}

std::string Shown(uint64_t size_bytes) {
  return absl::StrCat(FormatBytes(size_bytes), " (", size_bytes, " bytes)");
}

absl::Status CheckRoom(const DeviceSnapshot& device,
                       const MoveQuestion& question, Need need) {
  if (Fits(device, need)) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      IsCpu(device.id) ? "host memory (cpu)" : device.id.ToString(), ": ",
      question.model, " needs ", Shown(need.all_bytes()), "; free are ",
      Shown(device.capacity_bytes - device.used_bytes), ", at most ",
      Shown(device.largest_gap_bytes), " in one piece, of ",
      Shown(device.capacity_bytes),
      need.all_bytes() > device.capacity_bytes
          ? "; give the device a larger budget, or choose another"
          : "; unload or move a model"));
}

absl::Status CheckWanted(const Devices& devices, const MoveQuestion& question) {
  if (question.wanted.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(question.model, ": names no device to serve on"));
  }
  for (auto id = question.wanted.begin(); id != question.wanted.end(); ++id) {
    if (std::find(question.wanted.begin(), id, *id) != id) {
      return absl::InvalidArgumentError(
          absl::StrCat(question.model, ": names ", id->ToString(), " twice"));
    }
    const DeviceSnapshot* device = Find(devices, *id);
    if (device == nullptr) {
      return absl::NotFoundError(absl::StrCat(
          question.model, ": no device ", id->ToString(), "; there are ",
          absl::StrJoin(devices, ", ",
                        [](std::string* out, const DeviceSnapshot& device) {
                          absl::StrAppend(out, device.id.ToString());
                        })));
    }
    if (!device->healthy) {
      return absl::FailedPreconditionError(
          absl::StrCat(question.model, ": ", id->ToString(),
                       " has failed; choose another device"));
    }
  }
  return absl::OkStatus();
}

DeviceId Choose(const Devices& devices, const MoveQuestion& question) {
  DeviceId chosen;  // The cpu.
  uint64_t chosen_gap_bytes = 0;
  for (const DeviceSnapshot& device : devices) {
    if (IsCpu(device.id) || !device.healthy) continue;
    if (Contains(question.serving, device.id)) return device.id;
    if (Fits(device, {question.size_bytes, question.state_bytes}) &&
        device.largest_gap_bytes > chosen_gap_bytes) {
      chosen = device.id;
      chosen_gap_bytes = device.largest_gap_bytes;
    }
  }
  return chosen;
}

}  // namespace

absl::StatusOr<MovePlan> PlanMove(const Devices& devices,
                                  const MoveQuestion& question) {
  const DeviceSnapshot* host = Find(devices, DeviceId());
  INVARIANT(host != nullptr);
  INVARIANT(!question.automatic || question.wanted.empty());
  if (question.automatic) {
    MoveQuestion chosen = question;
    chosen.automatic = false;
    chosen.wanted = {Choose(devices, question)};
    return PlanMove(devices, chosen);
  }
  RETURN_IF_ERROR(CheckWanted(devices, question));

  MovePlan plan;
  for (const DeviceId id : question.wanted) {
    (Contains(question.serving, id) ? plan.keep : plan.fill).push_back(id);
  }
  for (const DeviceId id : question.serving) {
    if (!Contains(question.wanted, id)) plan.drop.push_back(id);
  }
  plan.read_file = !question.has_host_copy && !plan.fill.empty();

  // The host copy is there for every place; the cpu needs no other.
  Need of_host;
  if (plan.read_file) of_host.image_bytes = question.size_bytes;
  if (Contains(plan.fill, host->id)) of_host.state_bytes = question.state_bytes;
  if (plan.read_file || of_host.state_bytes > 0) {
    RETURN_IF_ERROR(CheckRoom(*host, question, of_host));
  }
  for (const DeviceId id : plan.fill) {
    if (IsCpu(id)) continue;
    RETURN_IF_ERROR(CheckRoom(*Find(devices, id), question,
                              {question.size_bytes, question.state_bytes}));
  }
  return plan;
}

}  // namespace ferry
