// A Daemon is all of Ferry in one process: the rooms, built from the ground up
// and taken down again in order.
//
// main() is only a shell around it, so that a test can run the whole daemon on
// free ports in its own process, devices with injected faults included.
//
// Owns:     every room.
// Threads:  Start, Drain and the destructor: one thread. The rest: any.
// Units:    absl durations.
// Fails:    Start: whatever a room says, in one sentence: INVALID_ARGUMENT,
//           FAILED_PRECONDITION for a device that is not there, UNAVAILABLE
//           for an address in use, RESOURCE_EXHAUSTED without memory.

#ifndef SERVER_DAEMON_H_
#define SERVER_DAEMON_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/config.h"
#include "server/devices/device_pool.h"
#include "server/metrics/metrics.h"
#include "server/registry/model_table.h"

namespace ferry {

class Daemon {
 public:
  // Opens the devices and listens. Health says NOT_SERVING until the models of
  // --load serve, which LoadConfigured brings about, and later while a model is
  // left with devices that have failed. `must_end` is called, from any thread,
  // when a device has failed and the configuration says to exit then.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(
      const Config& config, std::function<void(absl::Status)> must_end = {});

  // Drains without limit if nobody did.
  ~Daemon();

  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Loads the models of --load. `done` is called once, from any thread, when
  // the last of them has ended: OK when all serve and health says SERVING, or
  // the first failure's code and a line for each. Call once.
  void LoadConfigured(std::function<void(absl::Status)> done);

  // Health says NOT_SERVING, no request is accepted, moves that have not
  // switched are undone, and what was accepted runs until `limit` is over.
  // False when something did not end in time: it may still be running, and the
  // process should then leave without destroying the Daemon.
  bool Drain(absl::Duration limit);

  // "127.0.0.1:8001", with the port that is really used.
  const std::string& grpc_address() const;
  const std::string& metrics_address() const;

  // For tests.
  DevicePool& devices();
  ModelTable& table();
  Metrics& metrics();

 private:
  struct Rooms;
  explicit Daemon(std::unique_ptr<Rooms> rooms);

  std::unique_ptr<Rooms> rooms_;
};

}  // namespace ferry

#endif  // SERVER_DAEMON_H_
