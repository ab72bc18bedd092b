// An Exporter serves Metrics over HTTP, at /metrics.
//
// One GET, one answer, one closed connection: all that a scrape needs. It is
// ours because prometheus-cpp's own (on CivetWeb) throws on a busy port, adds
// metrics that are not in the catalogue, and takes two seconds to stop; and
// Debian's cpp-httplib (0.11) cannot be stopped before it runs, nor says when
// it does, and waits for silent clients when it stops.
//
// One thread waits for all connections at once: who says nothing, or reads its
// answer slowly, holds up nobody.
//
// Owns:     the listening socket and the thread that answers; the Metrics and
//           what its collectors borrow outlive it.
// Threads:  any one; a scrape runs on a thread of its own.
// Units:    bytes of a request, head and all.
// Fails:    as ListenSocket.
// Limits:   kConnectionsMax connections, the oldest makes room for a new one;
//           kRequestBytesMax; kRequestMax for the request, and again for its
//           answer.

#ifndef SERVER_METRICS_EXPORTER_H_
#define SERVER_METRICS_EXPORTER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/base/listen_socket.h"
#include "server/base/unique_fd.h"
#include "server/base/worker.h"
#include "server/metrics/metrics.h"

namespace ferry {

class [[nodiscard]] Exporter {
 public:
  static constexpr size_t kConnectionsMax = 64;
  static constexpr size_t kRequestBytesMax = 8192;
  static constexpr absl::Duration kRequestMax = absl::Seconds(5);

  // `address` is 127.0.0.1:9090 or [::1]:9090; port 0 is any free one.
  static absl::StatusOr<std::unique_ptr<Exporter>> Create(
      std::string_view address, Metrics& metrics);
  ~Exporter();  // Cuts off the answers under way.

  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  // The port it listens on.
  uint16_t port() const { return listener_.port(); }

 private:
  Exporter(Metrics& metrics, ListenSocket listener, UniqueFd stop);

  struct Connection {
    UniqueFd fd;
    absl::Duration until;  // Monotonic; it is closed then.
    std::string request;
    std::string answer;  // Empty until the request is whole.
    size_t sent_bytes = 0;
    size_t unread_bytes = 0;  // Behind the answer.
  };
  using Connections = std::vector<Connection>;  // The oldest first.

  void Run();
  void Accept(Connections& connections) const;
  // Takes what is there or sends what fits; false when it is over.
  bool Advance(Connection& connection);
  std::string Answer(std::string_view request);

  Metrics& metrics_;
  const ListenSocket listener_;
  const UniqueFd stop_;             // Readable once the destructor runs.
  std::unique_ptr<Worker> worker_;  // Last: it uses the others.
};

}  // namespace ferry

#endif  // SERVER_METRICS_EXPORTER_H_
