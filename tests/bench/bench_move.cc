// Moves against raw copies of the same bytes over the same link, in one run,
// in turn.
//
// Usage: bench_move MEBIBYTES ROUNDS LINK_GB_PER_SECOND
//
// LINK 0 is a link as fast as memory. Prints one JSON object: for cpu to sim
// and for sim to sim the bytes per second of each round's move (its copy step,
// and as a whole), and beside it of the raw copy on one core, and of a copy on
// two that hashes what it wrote: the least that a checked move can do.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"

#include "server/base/hash.h"
#include "tests/support/test_pool.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kPieceBytes = uint64_t{512} << 10;

struct Series {
  std::string raw, hashed, copy, total;
  void Add(double raw_rate, double hashed_rate, double copy_rate,
           double total_rate) {
    const char* comma = raw.empty() ? "" : ",";
    absl::StrAppend(&raw, comma, raw_rate);
    absl::StrAppend(&hashed, comma, hashed_rate);
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

  // The device's own calls, warm host memory.
  auto host = *pool.weights->Take(ferry::DeviceId{}, size_bytes);
  memset(host.data(), 1, size_bytes);
  const auto rate_of = [&](const char* name, const auto& copy) {
    const ferry::DeviceId id = *ferry::DeviceId::Parse(name);
    auto to = *pool.weights->Take(id, size_bytes);
    const auto begin = Clock::now();
    copy(to);
    const double seconds =
        std::chrono::duration<double>(Clock::now() - begin).count();
    return static_cast<double>(size_bytes) / seconds;
  };
  const auto copy_raw = [&](const ferry::WeightSet& to) {
    if (!to.device().CopyIn(to.data(), {host.data(), size_bytes}).ok()) {
      std::exit(1);
    }
  };
  const auto copy_and_hash = [&](const ferry::WeightSet& to) {
    std::atomic<uint64_t> next = 0;
    const auto work = [&] {
      ferry::Hash hash;
      for (uint64_t at = 0; (at = next.fetch_add(kPieceBytes)) < size_bytes;) {
        const uint64_t piece = std::min(kPieceBytes, size_bytes - at);
        if (!to.device()
                 .CopyIn(to.data() + at, {host.data() + at, piece})
                 .ok() ||
            !to.device().AddTo(hash, to.data() + at, piece).ok()) {
          std::exit(1);
        }
      }
    };
    std::thread other(work);
    work();
    other.join();
  };
  Series from_cpu;
  Series from_sim;
  const auto round = [&](const char* to, Series* series) {
    const double raw = rate_of(to, copy_raw);
    const double hashed = rate_of(to, copy_and_hash);
    const auto moved = pool.Migrate("model", {to});
    if (!moved.ok()) std::exit(1);
    if (series == nullptr) return;
    series->Add(raw, hashed, moved->report->bytes_per_second,
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
    std::printf(
        "%s\"%s\":{\"raw\":[%s],\"hashed\":[%s],\"copy\":[%s],\"total\":[%s]}",
        name[0] == 'c' ? "{" : ",", name, series->raw.c_str(),
        series->hashed.c_str(), series->copy.c_str(), series->total.c_str());
  }
  std::printf("}\n");
  return 0;
}
