// Moves one model in a loop: what a resident one has to stand beside it.
//
// Usage: bench_moves ADDRESS load|move MODEL SECONDS
//
// `load` loads MODEL to the cpu and unloads it; `move` carries it, which is
// loaded, from sim:0 to sim:1 and back. Stops after the first round that ends
// behind SECONDS. Prints one JSON object: rounds, seconds, and by the server's
// own reports the weights' bytes that were carried a second, and of each move
// the seconds that it took.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "client/client.h"

namespace {

using Clock = std::chrono::steady_clock;
using ferry::client::Client;

template <typename T>
T OrStop(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "bench_moves: %s\n",
                 result.status().ToString().c_str());
    std::exit(1);
  }
  return *std::move(result);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const bool loads = std::string(argv[2]) == "load";
  const std::string model = argv[3];
  const auto client = OrStop(Client::Connect(argv[1]));

  const auto begin = Clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  int rounds = 0;
  uint64_t size_bytes = 0;
  std::string each;
  const auto count = [&](const ferry::client::MoveOutcome& outcome) {
    if (!outcome.report.has_value()) return;
    size_bytes += outcome.report->size_bytes;
    absl::StrAppend(&each, each.empty() ? "" : ",",
                    absl::ToDoubleSeconds(outcome.report->total));
  };
  while (elapsed() < std::atof(argv[4])) {
    ++rounds;
    if (loads) {
      count(OrStop(client->Load({.name = model, .devices = {"cpu"}})));
      OrStop(client->Unload(model));
    } else {
      count(OrStop(client->Migrate({.name = model, .devices = {"sim:1"}})));
      count(OrStop(client->Migrate({.name = model, .devices = {"sim:0"}})));
    }
  }
  const double seconds = elapsed();
  std::printf(
      "{\"rounds\":%d,\"seconds\":%.3f,\"bytes_per_second\":%.0f,"
      "\"each_s\":[%s]}\n",
      rounds, seconds, static_cast<double>(size_bytes) / seconds, each.c_str());
  return 0;
}
