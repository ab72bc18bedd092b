#include "client/ctl/commands.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "client/client.h"
#include "client/ctl/infer_command.h"
#include "client/ctl/json_view.h"
#include "client/ctl/views.h"
#include "client/ctl/watch_view.h"
#include "client/ctl/words.h"
#include "server/base/clock.h"
#include "server/base/invariant.h"
#include "server/base/mutex.h"
#include "server/base/status_macros.h"

namespace ferry::client {
namespace {

constexpr absl::Duration kHealthPause = absl::Milliseconds(50);

absl::StatusOr<std::unique_ptr<Client>> Connect(const CommandLine& line,
                                                absl::Duration timeout) {
  Client::Options options{.call_timeout = timeout};
  options.connect_timeout = std::min(options.connect_timeout, timeout);
  return Client::Connect(line.server, options);
}

void Print(const Json& json, Console& console) {
  // Bytes that are not UTF-8 may come from a model; they are replaced.
  console.out << json.dump(-1, ' ', false, Json::error_handler_t::replace)
              << "\n";
}

absl::Status PrintOutcome(const absl::StatusOr<MoveOutcome>& outcome,
                          const CommandLine& line, Console& console) {
  if (!outcome.ok()) return outcome.status();
  if (line.json) {
    Print({{"model", ToJson(outcome->model)},
           {"report", ToJson(outcome->report)}},
          console);
  } else {
    console.out << OutcomeView(*outcome);
  }
  return absl::OkStatus();
}

absl::Status Load(const CommandLine& line, Client& client, Console& console,
                  std::stop_token stop) {
  return PrintOutcome(client.Load({.name = line.model,
                                   .devices = line.devices,
                                   .path = line.path,
                                   .version = line.version},
                                  stop),
                      line, console);
}

absl::Status Migrate(const CommandLine& line, Client& client, Console& console,
                     std::stop_token stop) {
  return PrintOutcome(client.Migrate({.name = line.model,
                                      .devices = line.devices,
                                      .version = line.version},
                                     stop),
                      line, console);
}

absl::Status Unload(const CommandLine& line, Client& client, Console& console,
                    std::stop_token stop) {
  ASSIGN_OR_RETURN(const std::optional<MoveReport> report,
                   client.Unload(line.model, line.version, stop));
  if (line.json) {
    Print({{"report", ToJson(report)}}, console);
    return absl::OkStatus();
  }
  console.out << line.model << " is unloaded";
  if (report) console.out << ", after " << SecondsText(report->total) << " s";
  console.out << "\n";
  return absl::OkStatus();
}

// A list as its command was asked to print it.
template <typename Element>
void PrintList(const std::vector<Element>& elements, const char* key,
               std::string (*view)(const std::vector<Element>&),
               const CommandLine& line, Console& console) {
  if (line.json) {
    Print({{key, ToJson(elements)}}, console);
  } else {
    console.out << view(elements);
  }
}

template <typename Element>
void PrintNames(const std::vector<Element>& elements, Console& console) {
  for (const Element& element : elements) console.out << element.name << "\n";
}

absl::Status Models(const CommandLine& line, Client& client, Console& console,
                    std::stop_token stop) {
  ASSIGN_OR_RETURN(const std::vector<Model> models, client.List(stop));
  if (line.names_only) {
    PrintNames(models, console);
  } else {
    PrintList(models, "models", ModelsView, line, console);
  }
  return absl::OkStatus();
}

absl::Status Devices(const CommandLine& line, Client& client, Console& console,
                     std::stop_token stop) {
  ASSIGN_OR_RETURN(const std::vector<Device> devices, client.Devices(stop));
  if (line.names_only) {
    PrintNames(devices, console);
  } else {
    PrintList(devices, "devices", DevicesView, line, console);
  }
  return absl::OkStatus();
}

absl::Status Moves(const CommandLine& line, Client& client, Console& console,
                   std::stop_token stop) {
  ASSIGN_OR_RETURN(const std::vector<MoveReport> moves,
                   client.Moves(line.moves_max, line.model, stop));
  PrintList(moves, "moves", MovesView, line, console);
  return absl::OkStatus();
}

absl::Status Watch(const CommandLine& line, Client& client, Console& console,
                   std::stop_token stop) {
  WatchView view(console, absl::LocalTimeZone());
  const auto show = [&](const ModelChange& change) {
    if (line.json) {
      Print({{"model", ToJson(change.model)},
             {"removed", change.removed},
             {"snapshot_complete", change.snapshot_complete}},
            console);
      console.out.flush();
    } else {
      view.Show(change, absl::Now());
    }
  };
  return client.Watch(line.models, show, stop);
}

// What a health check found: the word for machines, and OK only for SERVING.
struct HealthFound {
  const char* word;
  absl::Status status;
};

HealthFound AskHealth(const CommandLine& line, absl::Duration patience,
                      std::stop_token stop) {
  const absl::StatusOr<std::unique_ptr<Client>> client =
      Connect(line, std::min(line.timeout, patience));
  const absl::Status health =
      client.ok() ? (*client)->Health(stop) : client.status();
  if (health.ok()) return {"SERVING", health};
  // Who does not answer has said nothing: grpc.health.v1's word for that.
  const bool is_told = client.ok() && absl::IsUnavailable(health);
  return {is_told ? "NOT_SERVING" : "UNKNOWN", health};
}

// Asks until the server takes requests, or the line's patience is over.
HealthFound AwaitHealth(const CommandLine& line, std::stop_token stop) {
  const Stopwatch stopwatch;
  Mutex mutex;
  CondVar never;
  absl::Duration patience =
      line.wait > absl::ZeroDuration() ? line.wait : absl::InfiniteDuration();
  while (true) {
    const HealthFound found = AskHealth(line, patience, stop);
    patience = line.wait - stopwatch.Elapsed();
    const bool may_change = absl::IsUnavailable(found.status) ||
                            absl::IsDeadlineExceeded(found.status);
    if (!may_change || stop.stop_requested() || patience <= kHealthPause) {
      return found;
    }
    MutexLock lock(mutex);
    never.WaitFor(mutex, stop, kHealthPause);
  }
}

absl::Status Health(const CommandLine& line, Console& console,
                    std::stop_token stop) {
  const HealthFound found = AwaitHealth(line, stop);
  if (line.json) {
    Print({{"status", found.word}}, console);
  } else if (found.status.ok()) {
    console.out << found.word << "\n";
  }
  return found.status;
}

struct Command {
  std::string_view name;
  absl::Status (*run)(const CommandLine& line, Client& client, Console& console,
                      std::stop_token stop);
};

constexpr std::array<Command, 8> kCommands = {{{"load", Load},
                                               {"unload", Unload},
                                               {"migrate", Migrate},
                                               {"infer", RunInfer},
                                               {"models", Models},
                                               {"devices", Devices},
                                               {"moves", Moves},
                                               {"watch", Watch}}};

}  // namespace

absl::Status RunCommand(const CommandLine& line, Console& console,
                        std::stop_token stop) {
  if (line.command == "health") return Health(line, console, stop);
  const auto command =
      std::ranges::find(kCommands, line.command, &Command::name);
  INVARIANT(command != kCommands.end());
  ASSIGN_OR_RETURN(const std::unique_ptr<Client> client,
                   Connect(line, line.timeout));
  return command->run(line, *client, console, stop);
}

}  // namespace ferry::client
