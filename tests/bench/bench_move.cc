// Moves against raw copies of the same bytes over the same link, in one run,
// in turn.
//
// Usage: bench_move MEBIBYTES ROUNDS LINK_GB_PER_SECOND
//
// LINK 0 is a link as fast as memory. Prints one JSON object: for cpu to sim
// and for sim to sim the bytes per second of each round's move (its copy step,
// and as a whole) and of the raw copy beside it.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "tests/support/test_pool.h"

namespace {

using Clock = std::chrono::steady_clock;
using ferry::MoveStep;

struct Series {
  std::string raw, copy, total;
  void Add(double raw_rate, double copy_rate, double total_rate) {
    const char* comma = raw.empty() ? "" : ",";
    absl::StrAppend(&raw, comma, raw_rate);
    absl::StrAppend(&copy, comma, copy_rate);
    absl::StrAppend(&total, comma, total_rate);
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const uint64_t size_bytes = std::strtoull(argv[1], nullptr, 10) << 20;
  const int rounds = std::atoi(argv[2]);
  const std::string link =
      std::atof(argv[3]) > 0 ? absl::StrCat("@", argv[3], "GBps") : "";
  const std::string capacity = absl::StrCat(2 * (size_bytes >> 20) + 64, "MiB");
  ferry::TestPool pool(absl::StrCat("cpu=", 2 * (size_bytes >> 20) + 128,
                                    "MiB,sim:0=", capacity, link,
                                    ",sim:1=", capacity, link));
  ferry::SaveScaleModel(pool.models / "model.pt", 2, size_bytes);
  if (!pool.Load("model", {"cpu"}).ok()) return 1;

  // A raw copy: the device's own CopyIn, one call, warm host memory.
  auto host = *pool.weights->Take(ferry::DeviceId{}, size_bytes);
  memset(host.data(), 1, size_bytes);
  const auto raw_rate = [&](const char* name) {
    const ferry::DeviceId id = *ferry::DeviceId::Parse(name);
    auto to = *pool.weights->Take(id, size_bytes);
    const auto begin = Clock::now();
    const auto copied =
        to.device().CopyIn(to.data(), {host.data(), size_bytes});
    const double seconds =
        std::chrono::duration<double>(Clock::now() - begin).count();
    if (!copied.ok()) std::exit(1);
    return static_cast<double>(size_bytes) / seconds;
  };
  Series from_cpu;
  Series from_sim;
  const auto round = [&](const char* to, Series* series) {
    const double raw = raw_rate(to);
    const auto moved = pool.Migrate("model", {to});
    if (!moved.ok()) std::exit(1);
    if (series == nullptr) return;
    series->Add(raw, moved->report->bytes_per_second,
                static_cast<double>(size_bytes) /
                    absl::ToDoubleSeconds(moved->report->total));
  };
  for (int i = -1; i < rounds; ++i) {  // The first round warms up.
    round("sim:0", i < 0 ? nullptr : &from_cpu);
    round("sim:1", i < 0 ? nullptr : &from_sim);
    if (!pool.Migrate("model", {"cpu"}).ok()) return 1;
  }
  for (const auto& [name, series] : {std::pair("cpu_to_sim", &from_cpu),
                                     std::pair("sim_to_sim", &from_sim)}) {
    std::printf("%s\"%s\":{\"raw\":[%s],\"copy\":[%s],\"total\":[%s]}",
                name[0] == 'c' ? "{" : ",", name, series->raw.c_str(),
                series->copy.c_str(), series->total.c_str());
  }
  std::printf("}\n");
  return 0;
}
