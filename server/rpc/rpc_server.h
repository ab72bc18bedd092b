// An RpcServer is everything that Ferry says over gRPC: ferry.v1, KServe v2,
// health and reflection, on one port.
//
// Health says NOT_SERVING for every service until SetReady(true), and again
// from Drain() on.
//
// Owns:     the port, gRPC's threads and the services. The rooms outlive it.
// Threads:  thread-safe, but Shutdown and the destructor: the owner's.
// Units:    bytes; absl::Duration.
// Fails:    as ListenSocket and ConnectionGate; INVALID_ARGUMENT when an option
//           is out of its bounds.
// Limits:   those of Options, and nothing compressed; kReflectionThreadsMax
//           streams of reflection; ModelService::kWatchesMax watches.

#ifndef SERVER_RPC_RPC_SERVER_H_
#define SERVER_RPC_RPC_SERVER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/devices/device_pool.h"
#include "server/metrics/metrics.h"
#include "server/registry/model_table.h"
#include "server/registry/mover.h"
#include "server/rpc/byte_budget.h"
#include "server/base/call_count.h"
#include "server/rpc/connection_gate.h"
#include "server/rpc/inference_service.h"
#include "server/rpc/kserve_service.h"
#include "server/rpc/model_service.h"
#include "server/scheduling/scheduler.h"
#include "server/transfer/calibration.h"
#include "server/weights/weight_store.h"

namespace ferry {

class [[nodiscard]] RpcServer {
 public:
  static constexpr int kReflectionThreadsMax = 8;
  static constexpr int64_t kMessageBytesMin = int64_t{64} << 10;
  static constexpr int64_t kMessageBytesMax = int64_t{2047} << 20;

  struct Options {
    // IP:PORT or [IPV6]:PORT. Port 0 is any free one.
    std::string listen_address = {};
    // Of one request or answer; kMessageBytesMin to kMessageBytesMax.
    int64_t message_bytes_max = int64_t{64} << 20;
    // What one request may take in memory, and what all requests and answers
    // may together.
    uint64_t request_bytes_max = uint64_t{512} << 20;
    uint64_t all_bytes_max = uint64_t{1} << 30;
    // What gRPC may hold of messages on their way in. It cuts streams off, or
    // takes no more, when there is no more.
    uint64_t transport_bytes_max = uint64_t{1} << 30;
    ConnectionGate::Options connections = {};
    // Calls under way on one connection; clients keep back what is more.
    int streams_max = 1024;
    // Models that one watch may name.
    int watch_names_max = 1024;
    // The server's, as KServe v2 tells it.
    std::string version = "0.1.0";
  };
  struct Rooms {
    Mover& mover;
    ModelTable& table;
    Scheduler& scheduler;
    DevicePool& devices;
    WeightStore& weights;
    const Calibration& calibration;
    Metrics& metrics;
  };

  // Serves from here on.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Create(
      const Options& options, const Rooms& rooms);
  ~RpcServer();  // Shutdown without patience, unless that was done.

  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  // The port it listens on.
  int port() const { return gate_->port(); }

  // How many connections are open.
  size_t CountConnections() { return gate_->CountOpen(); }

  // What health and KServe's ServerReady say. No effect after Drain.
  void SetReady(bool ready);

  // Health goes to NOT_SERVING and watches end. Refusing new moves and new
  // requests is the Mover's and the Scheduler's to do.
  void Drain();

  // Takes no new call, waits for infers and moves under way until `limit` is
  // over, cancels what is left and closes the port. False when something had
  // to be cancelled. Implies Drain.
  bool Shutdown(absl::Duration limit);

 private:
  RpcServer(const Options& options, const Rooms& rooms);
  absl::Status Listen(const Options& options, Metrics& metrics);
  void SetHealth(bool serving);

  CallCount calls_;
  ByteBudget budget_;
  std::atomic<bool> ready_{false};
  std::atomic<bool> draining_{false};
  const InferRooms infer_rooms_;
  ModelService model_service_;
  InferenceService inference_service_;
  KServeService kserve_service_;
  std::unique_ptr<grpc::Server> server_;  // Dies before the services.
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<ConnectionGate> gate_;  // Last: it uses the two above.
};

}  // namespace ferry

#endif  // SERVER_RPC_RPC_SERVER_H_
