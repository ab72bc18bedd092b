// An Exporter serves Metrics over HTTP, at /metrics.
//
// It is CivetWeb, the server below prometheus-cpp's own Exposer, without that
// class: the Exposer throws on a busy port and adds metrics of its own.
//
// Owns:     the listening socket and the server's threads; the Metrics and
//           what its collectors borrow outlive it.
// Threads:  any one; a scrape runs on a thread of the server.
// Fails:    INVALID_ARGUMENT when the address is not IPV4:PORT; UNAVAILABLE
//           when the system does not let us listen there.
// Limits:   kThreads requests at a time; GET and HEAD only.

#ifndef SERVER_METRICS_EXPORTER_H_
#define SERVER_METRICS_EXPORTER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "server/metrics/metrics.h"

struct mg_context;
struct mg_connection;

namespace ferry {

class [[nodiscard]] Exporter {
 public:
  static constexpr int kThreads = 2;

  // `address` is an IPv4 address and a port, where 0 is any free one.
  static absl::StatusOr<std::unique_ptr<Exporter>> Create(
      std::string_view address, Metrics& metrics);
  ~Exporter();

  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  // The port it listens on.
  uint16_t port() const { return port_; }

 private:
  explicit Exporter(Metrics& metrics) : metrics_(metrics) {}

  static int Serve(mg_connection* connection);

  Metrics& metrics_;
  mg_context* server_ = nullptr;
  uint16_t port_ = 0;
};

}  // namespace ferry

#endif  // SERVER_METRICS_EXPORTER_H_
