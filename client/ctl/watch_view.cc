#include "client/ctl/watch_view.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "client/ctl/words.h"
#include "server/base/bytes.h"

namespace ferry::client {
namespace {

constexpr int kBarWidth = 30;

// "MIGRATING cpu > sim:0: copy", "SERVING on sim:0".
std::string StateLine(const ModelChange& change) {
  const Model& model = change.model;
  if (change.removed) return "unloaded";
  std::string text = model.state;
  if (model.move) {
    absl::StrAppend(&text, " ", PlacesText(model.move->from), " > ",
                    PlacesText(model.move->to), ": ", model.move->step);
  } else if (!model.serving_on.empty()) {
    absl::StrAppend(&text, " on ", PlacesText(model.serving_on));
  }
  if (!model.last_error.empty()) {
    absl::StrAppend(&text, " (last error: ", model.last_error, ")");
  }
  return Printable(std::move(text));
}

std::string ProgressLine(const Model& model) {
  const MoveProgress& move = *model.move;
  const double share = move.total_bytes == 0
                           ? 0
                           : static_cast<double>(move.done_bytes) /
                                 static_cast<double>(move.total_bytes);
  return absl::StrFormat("%s  %s > %s  %s %3.0f%%  %s of %s  %s", model.name,
                         PlacesText(move.from), PlacesText(move.to),
                         BarText(move.done_bytes, move.total_bytes, kBarWidth),
                         share * 100, FormatBytes(move.done_bytes),
                         FormatBytes(move.total_bytes), move.step);
}

}  // namespace

void WatchView::Show(const ModelChange& change, absl::Time now) {
  const std::string& name = change.model.name;
  if (name.empty()) return;  // A snapshot of nothing.
  EraseBars();
  const std::string line = StateLine(change);
  if (lines_[name] != line) {
    console_.out << absl::FormatTime("%H:%M:%S  ", now, zone_) << name << "  "
                 << line << "\n";
    lines_[name] = line;
  }
  if (change.removed) lines_.erase(name);
  if (change.model.move) {
    bars_[name] = ProgressLine(change.model);
  } else {
    bars_.erase(name);
  }
  DrawBars();
  console_.out.flush();
}

void WatchView::EraseBars() {
  for (; bars_drawn_ > 0; --bars_drawn_) {
    console_.out << "\x1b[A\x1b[2K";  // Up a line, and clear it.
  }
}

void WatchView::DrawBars() {
  if (!console_.out_is_terminal) return;
  for (const auto& [name, bar] : bars_) {
    // A line that wraps could not be erased.
    console_.out << bar.substr(0, static_cast<size_t>(console_.columns) - 1)
                 << "\n";
    ++bars_drawn_;
  }
}

}  // namespace ferry::client
