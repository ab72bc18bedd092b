// A ConnectionGate takes connections from a port, so many at a time.
//
// gRPC 1.51 takes as many as come, and stops listening for good when no file
// descriptor is left for one. So we accept, count, and hand gRPC what may stay.
// What may not is told why (RefusedConnection), logged and counted. Without a
// descriptor nothing is taken until there is one again; who comes meanwhile
// waits in the system's queue.
//
// gRPC does not say when a connection ends. It is over when its descriptor is
// another socket than it was, or none, which is looked up when the answer is
// wanted: at a limit, and for the metric.
//
// Owns:     the port, the thread `grpc-accept`, and what is refused; not what
//           was handed on. The Metrics outlive it.
// Threads:  thread-safe, but Close and the destructor: the owner's.
// Units:    connections; absl::Duration.
// Fails:    RESOURCE_EXHAUSTED when no file descriptor is left.
// Limits:   Options; connections_max is no more than the process's limit of
//           files less kFilesKept, or half of it. kRefusedMax are told why at a
//           time, for kRefusalMax at most: the oldest makes room for a new one.

#ifndef SERVER_RPC_CONNECTION_GATE_H_
#define SERVER_RPC_CONNECTION_GATE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <poll.h>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/base/listen_socket.h"
#include "server/base/log_limit.h"
#include "server/base/mutex.h"
#include "server/base/unique_fd.h"
#include "server/base/worker.h"
#include "server/metrics/metrics.h"
#include "server/rpc/refused_connection.h"

namespace ferry {

class [[nodiscard]] ConnectionGate {
 public:
  // For models, devices and logs.
  static constexpr int64_t kFilesKept = 256;
  static constexpr size_t kRefusedMax = 64;
  static constexpr absl::Duration kRefusalMax = absl::Seconds(1);

  struct Options {
    int64_t connections_max = 4096;
    // From one IP address.
    int64_t per_peer_max = 1024;
  };
  // Called on the gate's thread. What it is given does not block; whoever
  // takes it closes it.
  using Take = std::function<void(UniqueFd)>;

  static absl::StatusOr<std::unique_ptr<ConnectionGate>> Create(
      ListenSocket listener, Options options, Metrics& metrics, Take take);
  ~ConnectionGate();

  ConnectionGate(const ConnectionGate&) = delete;
  ConnectionGate& operator=(const ConnectionGate&) = delete;

  uint16_t port() const { return port_; }

  // How many are open, of those handed on.
  size_t CountOpen();

  // Takes no more and gives the port back. What was handed on stays.
  void Close();

 private:
  struct Connection {
    ino_t socket;  // No other has this number while it is open.
    std::string peer;
  };

  struct Excess {
    std::string_view reason;  // A label of kConnectionsRefusedTotal.
    std::string why;
  };

  ConnectionGate(ListenSocket listener, UniqueFd stop, Options options,
                 Metrics& metrics, Take take);

  void Run();
  void Accept();
  void Refuse(UniqueFd fd, const std::string& peer, Excess excess);
  void AdvanceRefused(const pollfd* ready);
  // Counts one more from `peer`, unless that is too many.
  std::optional<Excess> Admit(int fd, const std::string& peer);
  std::optional<Excess> TooMany(const std::string& peer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetEnded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Forget(std::map<int, Connection>::iterator connection)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const UniqueFd stop_;  // Readable once the thread should end.
  const uint16_t port_;
  const Options options_;
  Metrics& metrics_;
  const Take take_;
  LogLimit log_limit_;

  std::optional<ListenSocket> listener_;  // None once closed.

  // The thread's own.
  std::vector<RefusedConnection> refused_;  // The oldest first.
  absl::Duration listen_from_;              // Monotonic.
  absl::Duration look_from_;                // Likewise.

  Mutex mutex_;
  // By their descriptors; some may have ended.
  std::map<int, Connection> open_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int64_t> of_peer_ ABSL_GUARDED_BY(mutex_);

  std::unique_ptr<Worker> worker_;  // Last: it uses the others.
};

}  // namespace ferry

#endif  // SERVER_RPC_CONNECTION_GATE_H_
