#include "server/metrics/exporter.h"

#include <array>
#include <cerrno>
#include <civetweb.h>
#include <cstddef>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "server/base/absl_view.h"
#include "server/base/ids.h"
#include "server/base/invariant.h"

namespace ferry {
namespace {

constexpr std::string_view kPointer = "Ferry's metrics are at /metrics\n";

// IPV4:PORT and nothing else: CivetWeb would also take lists and suffixes.
bool IsAddress(std::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string host(address.substr(0, colon));
  const std::string_view port = address.substr(colon + 1);
  in_addr parsed;
  uint32_t number = 0;
  return inet_pton(AF_INET, host.c_str(), &parsed) == 1 && !port.empty() &&
         port.find_first_not_of("0123456789") == std::string_view::npos &&
         absl::SimpleAtoi(AbslView(port), &number) && number <= 65535;
}

void Answer(mg_connection* connection, std::string_view status,
            std::string_view body) {
  const bool head =
      std::string_view(mg_get_request_info(connection)->request_method) ==
      "HEAD";
  const std::string head_lines = absl::StrCat(
      "HTTP/1.1 ", AbslView(status),
      "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
      "Cache-Control: no-cache\r\nConnection: close\r\nContent-Length: ",
      body.size(), "\r\n\r\n");
  mg_write(connection, head_lines.data(), head_lines.size());
  if (!head) mg_write(connection, body.data(), body.size());
}

// A refused start comes back as a Status; a client's broken request is not
// ours.
int DropMessage(const mg_connection* /*connection*/, const char* /*message*/) {
  return 1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Exporter>> Exporter::Create(
    std::string_view address, Metrics& metrics) {
  if (!IsAddress(address)) {
    return absl::InvalidArgumentError(
        absl::StrCat("metrics address ", Shown(address),
                     ": must be an IPv4 address and a port, such as "
                     "127.0.0.1:9090, or port 0 for any free one"));
  }
  auto exporter = absl::WrapUnique(new Exporter(metrics));
  const std::string ports(address);
  const std::string threads = absl::StrCat(kThreads);
  std::array<const char*, 7> options = {
      "listening_ports",    ports.c_str(), "num_threads", threads.c_str(),
      "request_timeout_ms", "5000",        nullptr};
  mg_callbacks callbacks = {};
  callbacks.begin_request = &Exporter::Serve;
  callbacks.log_message = &DropMessage;
  mg_init_data start = {.callbacks = &callbacks,
                        .user_data = exporter.get(),
                        .configuration_options = options.data()};
  errno = 0;
  exporter->server_ = mg_start2(&start, nullptr);
  if (exporter->server_ == nullptr) {
    const int error = errno;
    const std::string where = absl::StrCat(
        "metrics address ", AbslView(address), ": cannot listen there");
    if (error == 0) return absl::UnavailableError(where);
    return absl::UnavailableError(absl::StrCat(
        absl::ErrnoToStatus(error, where).message(),
        error == EADDRINUSE ? "; choose another port, or 0 for any free one"
                            : ""));
  }
  mg_server_port port = {};
  INVARIANT(mg_get_server_ports(exporter->server_, 1, &port) == 1);
  exporter->port_ = static_cast<uint16_t>(port.port);
  return exporter;
}

Exporter::~Exporter() {
  if (server_ != nullptr) mg_stop(server_);
}

int Exporter::Serve(mg_connection* connection) {
  const mg_request_info* request = mg_get_request_info(connection);
  const std::string_view method = request->request_method;
  const std::string_view path = request->local_uri;
  auto* exporter = static_cast<Exporter*>(request->user_data);
  if (method != "GET" && method != "HEAD") {
    Answer(connection, "405 Method Not Allowed", "GET or HEAD only\n");
  } else if (path == "/metrics") {
    Answer(connection, "200 OK", exporter->metrics_.Text());
  } else if (path == "/") {
    Answer(connection, "200 OK", kPointer);
  } else {
    Answer(connection, "404 Not Found", kPointer);
  }
  return 1;  // Answered; CivetWeb has nothing to add.
}

}  // namespace ferry
