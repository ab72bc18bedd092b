// A WatchView draws changes of models as they come: a line for each, and on a
// terminal a progress bar below for each model that moves.
//
// A change of progress alone is no line; a step of a move is one.
//
// Threads:  one thread at a time.

#ifndef CLIENT_CTL_WATCH_VIEW_H_
#define CLIENT_CTL_WATCH_VIEW_H_

#include <map>
#include <string>

#include "absl/time/time.h"

#include "client/client.h"
#include "client/ctl/console.h"

namespace ferry::client {

class WatchView {
 public:
  // `zone` is that of the times in front of the lines.
  WatchView(Console& console, absl::TimeZone zone)
      : console_(console), zone_(zone) {}

  void Show(const ModelChange& change, absl::Time now);

 private:
  void EraseBars();
  void DrawBars();

  Console& console_;
  const absl::TimeZone zone_;
  std::map<std::string, std::string> lines_;  // The last line, by model.
  std::map<std::string, std::string> bars_;   // By model that moves.
  size_t bars_drawn_ = 0;
};

}  // namespace ferry::client

#endif  // CLIENT_CTL_WATCH_VIEW_H_
