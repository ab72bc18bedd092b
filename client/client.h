// A Client is one connection to a ferryd: its RPCs as methods on plain values.
//
//   auto client = Client::Connect("127.0.0.1:8001");  // Each is a StatusOr.
//   auto moved = (*client)->Load({.name = "vad", .devices = {"sim:0"}});
//   auto answer = (*client)->Infer({.model = "vad",
//                                   .inputs = {{"x", {tensor}}}});
//
// It is the C++ face of proto/ferry/v1 without gRPC or protobuf types, and the
// way that ferryctl talks to the server. Nothing is retried here.
//
// Owns:     the connection. What is returned borrows nothing.
// Threads:  thread-safe; every method blocks until the answer is there, its
//           timeout is over, or `stop` asks for the end.
// Units:    bytes; absl times.
// Fails:    with the server's code and sentence, each code meaning one thing:
//             INVALID_ARGUMENT     the request is wrong: fix it
//             NOT_FOUND            no such model, version, device or file
//             ALREADY_EXISTS       the name is taken by something else
//             PERMISSION_DENIED    the server may not read the file
//             FAILED_PRECONDITION  right request, wrong state: change it first
//             ABORTED              another move of the model: retry after it
//             RESOURCE_EXHAUSTED   queue full or no room: back off, then retry
//             UNAVAILABLE          draining, gone or unreachable: try another
//             DATA_LOSS            bytes fail their checksum: get a new file
//             INTERNAL             PyTorch or a device failed: report it
//             UNIMPLEMENTED        the server does not have this
//           and from here DEADLINE_EXCEEDED when the timeout is over, CANCELLED
//           when `stop` asked for the end.
// Limits:   the server's, on the size of a message.

#ifndef CLIENT_CLIENT_H_
#define CLIENT_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "client/model.h"
#include "client/value.h"

namespace ferry::client {

struct LoadRequest {
  std::string name = {};
  // "cpu", "sim:0", "cuda:1", several for replicas. Empty: the server chooses.
  std::vector<std::string> devices = {};
  std::string path = {};  // Below a model directory. Empty: found by the name.
  int64_t version = 0;    // 0: the highest that has its file.
};

struct MigrateRequest {
  std::string name = {};
  std::vector<std::string> devices = {};
  int64_t version = 0;  // 0: the one that is loaded.
};

struct MoveOutcome {
  Model model = {};
  // Empty when the model was there already.
  std::optional<MoveReport> report = {};
};

struct InferRequest {
  std::string model = {};
  int64_t version = 0;  // 0: the one that is loaded.
  // By the names of forward's arguments, in any order.
  std::vector<NamedValue> inputs = {};
};

struct InferAnswer {
  std::string model = {};
  int64_t version = 0;
  std::vector<NamedValue> outputs = {};
  std::string device = {};  // Where it ran.
};

struct ModelChange {
  Model model = {};
  bool removed = false;  // It is gone; only `model.name` is set.
  // The first changes tell what there was; this is set on the last of them,
  // which has no model, an empty `model.name`, when there was none.
  bool snapshot_complete = false;
};

class [[nodiscard]] Client {
 public:
  struct Options {
    // To reach the server. A refused connection fails at once.
    absl::Duration connect_timeout = absl::Seconds(5);
    // Of each call but Watch. Loading a large model takes seconds.
    absl::Duration call_timeout = absl::InfiniteDuration();
  };

  // `address` is HOST:PORT. UNAVAILABLE, naming it, when nobody answers there.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(
      const std::string& address, const Options& options);
  static absl::StatusOr<std::unique_ptr<Client>> Connect(
      const std::string& address) {
    return Connect(address, Options());
  }
  ~Client();

  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Answers when the model serves on every device named. Ending it by `stop`
  // or by the timeout undoes the load, unless somebody else waits for it too.
  // Retry on ABORTED, RESOURCE_EXHAUSTED, UNAVAILABLE.
  absl::StatusOr<MoveOutcome> Load(const LoadRequest& request,
                                   std::stop_token stop = {});

  // Answers when the last request has ended and the bytes are given back; the
  // report is absent when the server made none. NOT_FOUND when the model is not
  // loaded, or in another version than the one that is named.
  absl::StatusOr<std::optional<MoveReport>> Unload(const std::string& name,
                                                   int64_t version = 0,
                                                   std::stop_token stop = {});

  // Carries a loaded model to other devices while it serves. Ended early, it
  // is undone as Load is. ABORTED when the model is on another move.
  absl::StatusOr<MoveOutcome> Migrate(const MigrateRequest& request,
                                      std::stop_token stop = {});

  // NOT_FOUND as Unload.
  absl::StatusOr<Model> Get(const std::string& name, int64_t version = 0,
                            std::stop_token stop = {});
  absl::StatusOr<std::vector<Model>> List(
      std::stop_token stop = {});  // By name.

  // Calls `changed` for every model as it is now, then again whenever one
  // changes, and several times a second while it moves. No names: all models.
  // Blocks until `stop` asks (OK), or the server ends it: UNAVAILABLE.
  absl::Status Watch(const std::vector<std::string>& names,
                     const std::function<void(const ModelChange&)>& changed,
                     std::stop_token stop);

  absl::StatusOr<std::vector<Device>> Devices(std::stop_token stop = {});

  // Newest first. 0: all that the server keeps; an empty name: of every model.
  absl::StatusOr<std::vector<MoveReport>> Moves(int32_t moves_max = 0,
                                                const std::string& model = "",
                                                std::stop_token stop = {});

  // Runs the model once, where it serves at that moment. Safe to retry on
  // RESOURCE_EXHAUSTED and UNAVAILABLE, unless the model is stateful.
  absl::StatusOr<InferAnswer> Infer(const InferRequest& request,
                                    std::stop_token stop = {});

  // OK when the server takes requests; UNAVAILABLE before it is ready and
  // while it drains.
  absl::Status Health(std::stop_token stop = {});

 private:
  struct Stubs;
  explicit Client(std::unique_ptr<Stubs> stubs);

  const std::unique_ptr<Stubs> stubs_;
};

}  // namespace ferry::client

#endif  // CLIENT_CLIENT_H_
