// A BareTable is a ModelTable whose models serve on devices that are names:
// without files, weights, Instances or a mover. Enough for all that happens to
// a request before it runs and after it.
//
// Owns:     the table and its metrics.
// Threads:  as ModelTable.

#ifndef TESTS_SCHEDULING_BARE_TABLE_H_
#define TESTS_SCHEDULING_BARE_TABLE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

#include "server/metrics/metrics.h"
#include "server/registry/move_claim.h"
#include "tests/scheduling/recorded_request.h"

namespace ferry {

struct BareTable {
  ~BareTable() { table.Clear(); }

  MoveClaim Begin(const std::string& model, MoveKind kind,
                  const std::vector<DeviceId>& devices) {
    auto start = table.BeginMove({.kind = kind,
                                  .model = {.name = model},
                                  .destination = {.devices = devices}},
                                 [] {});
    return *std::move(start->claim);
  }
  // The switch of a move: it serves there and nowhere else.
  static void Publish(const MoveClaim& claim,
                      const std::vector<DeviceId>& devices, int64_t version) {
    MoveClaim::Edit edit;
    edit.version = version;
    for (const DeviceId device : devices) {
      edit.add.push_back(std::make_unique<Residence>());
      edit.add.back()->device = device;
    }
    (void)claim.Publish(std::move(edit));
  }

  // Version 1 of it serves there.
  void Load(const std::string& model, const std::vector<DeviceId>& devices) {
    MoveClaim claim = Begin(model, MoveKind::kLoad, devices);
    Publish(claim, devices, 1);
    (void)claim.End(absl::OkStatus(), true);
  }
  void Migrate(const std::string& model, const std::vector<DeviceId>& devices) {
    MoveClaim claim = Begin(model, MoveKind::kMigrate, devices);
    Publish(claim, devices, 0);
    (void)claim.End(absl::OkStatus(), true);
  }

  // `request` waits for `model`.
  void Admit(RecordedRequest& request, const std::string& model) {
    request.admission = *table.Admit(model, 0);
  }

  Metrics metrics;
  ModelTable table{metrics, {}};
};

}  // namespace ferry

#endif  // TESTS_SCHEDULING_BARE_TABLE_H_
