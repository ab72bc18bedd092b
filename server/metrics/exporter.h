// An Exporter serves Metrics over HTTP, at /metrics.
//
// One GET, one answer, one closed connection: all that a scrape needs. It is
// ours because prometheus-cpp's own (on CivetWeb) throws on a busy port, adds
// metrics that are not in the catalogue, and takes two seconds to stop; and
// Debian's cpp-httplib (0.11) cannot be stopped before it runs, nor says when
// it does, and waits for silent clients when it stops.
//
// Owns:     the listening socket and the threads that answer; the Metrics and
//           what its collectors borrow outlive it.
// Threads:  any one; a scrape runs on a thread of its own.
// Units:    bytes of a request, head and all.
// Fails:    INVALID_ARGUMENT when the address is not IP:PORT; UNAVAILABLE when
//           the system does not let us listen there.
// Limits:   kThreads connections at a time, others wait; kRequestBytesMax;
//           kRequestMax for the request, and again for its answer.

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

#include "server/base/unique_fd.h"
#include "server/base/worker.h"
#include "server/metrics/metrics.h"

namespace ferry {

class [[nodiscard]] Exporter {
 public:
  static constexpr int kThreads = 2;
  static constexpr size_t kRequestBytesMax = 8192;
  static constexpr absl::Duration kRequestMax = absl::Seconds(5);

  // `address` is 127.0.0.1:9090 or [::1]:9090; port 0 is any free one.
  static absl::StatusOr<std::unique_ptr<Exporter>> Create(
      std::string_view address, Metrics& metrics);
  ~Exporter();  // Cuts off the answers under way.

  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  // The port it listens on.
  uint16_t port() const { return port_; }

 private:
  Exporter(Metrics& metrics, UniqueFd listener, UniqueFd stop, uint16_t port);

  void Run();
  void Serve(int connection);
  std::string Answer(std::string_view request);

  // True when `fd` is ready for `events`; false when the wait was too long, or
  // the destructor has been called.
  bool Await(int fd, int events, absl::Duration patience) const;
  bool Write(int connection, std::string_view text) const;

  Metrics& metrics_;
  const UniqueFd listener_;
  const UniqueFd stop_;  // Readable once the destructor runs.
  const uint16_t port_;
  std::vector<std::unique_ptr<Worker>> workers_;  // Last: they use the others.
};

}  // namespace ferry

#endif  // SERVER_METRICS_EXPORTER_H_
