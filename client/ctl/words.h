// How ferryctl says quantities to people: "0.071 s", "3.78 GB/s", a bar.
//
// Threads:  any; pure functions.
// Units:    bytes; bytes per second; absl durations.

#ifndef CLIENT_CTL_WORDS_H_
#define CLIENT_CTL_WORDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace ferry::client {

// Seconds to the millisecond: "0.071"; "<0.001" for what is shorter.
std::string SecondsText(absl::Duration duration);

// Milliseconds to the microsecond, for latencies: "0.312 ms".
std::string LatencyText(absl::Duration duration);

// "3.78", in GB/s; empty for 0, which means not measured.
std::string RateText(double bytes_per_second);

// "95%"; empty for 0, which means not measured.
std::string PercentText(double ratio);

// "[#####.....]": `part` of `whole`; nothing of nothing is empty, and what is
// not nothing shows.
std::string BarText(uint64_t part, uint64_t whole, int width);

// With '?' for control characters, so that no text from outside moves a
// terminal's cursor.
std::string Printable(std::string text);

// "cpu, sim:0"; "-" for none.
std::string PlacesText(const std::vector<std::string>& places);

}  // namespace ferry::client

#endif  // CLIENT_CTL_WORDS_H_
