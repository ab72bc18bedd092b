// WatchView: the lines of changes, and the bars that a terminal gets.

#include "client/ctl/watch_view.h"

#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ferry::client::watch_view_test {
namespace {

using testing::HasSubstr;
using testing::Not;

class WatchViewTest : public testing::Test {
 protected:
  explicit WatchViewTest(bool is_terminal = false)
      : console_{.in = in_,
                 .out = out_,
                 .err = out_,
                 .out_is_terminal = is_terminal,
                 .columns = 60} {}

  static ModelChange Serving(const std::string& device) {
    ModelChange change;
    change.model.name = "wide";
    change.model.state = "SERVING";
    change.model.serving_on = {device};
    return change;
  }

  static ModelChange Moving(const std::string& step, uint64_t done) {
    ModelChange change = Serving("cpu");
    change.model.state = "MIGRATING";
    change.model.move = MoveProgress{.from = {"cpu"},
                                     .to = {"sim:0"},
                                     .step = step,
                                     .done_bytes = done << 20,
                                     .total_bytes = 256 << 20,
                                     .started_at = {}};
    return change;
  }

  // What is printed for this change alone.
  std::string Show(const ModelChange& change) {
    out_.str("");
    view_.Show(change, absl::FromUnixSeconds(3661));
    return out_.str();
  }

 private:
  std::istringstream in_;
  std::ostringstream out_;
  Console console_;
  WatchView view_{console_, absl::UTCTimeZone()};
};

class WatchViewTerminalTest : public WatchViewTest {
 protected:
  WatchViewTerminalTest() : WatchViewTest(true) {}
};

TEST_F(WatchViewTest, AChangeIsALineAndProgressIsNone) {
  EXPECT_EQ(Show(Serving("cpu")), "01:01:01  wide  SERVING on cpu\n");
  EXPECT_EQ(Show(Serving("cpu")), "");
  EXPECT_EQ(Show(Moving("copy", 0)),
            "01:01:01  wide  MIGRATING cpu > sim:0: copy\n");
  EXPECT_EQ(Show(Moving("copy", 128)), "");
  EXPECT_EQ(Show(Moving("verify", 256)),
            "01:01:01  wide  MIGRATING cpu > sim:0: verify\n");
  EXPECT_EQ(Show(Serving("sim:0")), "01:01:01  wide  SERVING on sim:0\n");
}

TEST_F(WatchViewTest, TellsErrorsAndTheEnd) {
  ModelChange failed;
  failed.model.name = "wide";
  failed.model.state = "COLD";
  failed.model.last_error = "no room";
  EXPECT_EQ(Show(failed), "01:01:01  wide  COLD (last error: no room)\n");
  failed.model.last_error = "two\nlines \x1b[A";
  EXPECT_EQ(Show(failed), "01:01:01  wide  COLD (last error: two?lines ?[A)\n");
  ModelChange removed;
  removed.model.name = "wide";
  removed.removed = true;
  EXPECT_EQ(Show(removed), "01:01:01  wide  unloaded\n");
  EXPECT_THAT(Show(failed), HasSubstr("COLD"));
}

TEST_F(WatchViewTest, ASnapshotOfNothingIsNoLine) {
  ModelChange nothing;
  nothing.snapshot_complete = true;
  EXPECT_EQ(Show(nothing), "");
}

TEST_F(WatchViewTerminalTest, ABarIsDrawnOverAndGoesWithItsMove) {
  const std::string first = Show(Moving("copy", 64));
  EXPECT_THAT(first, HasSubstr("MIGRATING cpu > sim:0: copy\n"));
  EXPECT_THAT(first, HasSubstr("[#######.......................]  25%"));
  EXPECT_THAT(first, Not(HasSubstr("\x1b")));
  const std::string second = Show(Moving("copy", 128));
  EXPECT_EQ(second.find("\x1b[A\x1b[2K"), 0);
  EXPECT_THAT(second, HasSubstr(" 50%"));
  EXPECT_EQ(Show(Serving("sim:0")),
            "\x1b[A\x1b[2K01:01:01  wide  SERVING on sim:0\n");
}

TEST_F(WatchViewTerminalTest, ABarFitsTheTerminal) {
  const std::string text = Show(Moving("copy", 64));
  const std::string bar = text.substr(text.find('\n') + 1);
  EXPECT_LE(bar.size(), 60);
}

}  // namespace
}  // namespace ferry::client::watch_view_test
