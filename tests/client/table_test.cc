// Tables and the words in them, as they are printed.

#include "client/ctl/table.h"

#include <gtest/gtest.h>

#include "client/ctl/words.h"

namespace ferry::client::table_test {
namespace {

TEST(TableTest, AlignsTextLeftAndNumbersRight) {
  EXPECT_EQ(RenderTable({{{"NAME"}, {"BYTES", true}, {"ON"}},
                         {{{"a", "1", "cpu"}}, {{"longer", "1000", "-"}}}}),
            "NAME    BYTES  ON\n"
            "a           1  cpu\n"
            "longer   1000  -\n");
}

TEST(TableTest, LeavesOutColumnsThatAreEmptyInEveryRow) {
  EXPECT_EQ(RenderTable({{{"A"}, {"B"}, {"C"}}, {{{"1", "", "3"}}}}),
            "A  C\n1  3\n");
  EXPECT_EQ(RenderTable({{{"A"}, {"B"}}, {}}), "A  B\n");
}

TEST(TableTest, ANoteIsALineBelowItsRow) {
  EXPECT_EQ(RenderTable({{{"A"}}, {{{"1"}, "note\nof 1"}, {{"2"}}}}),
            "A\n1\n  note?of 1\n2\n");
}

TEST(TableTest, CountsCharactersNotBytes) {
  EXPECT_EQ(RenderTable({{{"A"}, {"B"}}, {{{"\xc3\xa4\xc3\xb6", "x"}}}}),
            "A   B\n\xc3\xa4\xc3\xb6  x\n");
}

TEST(TableTest, ControlCharactersCannotMoveTheCursor) {
  EXPECT_EQ(RenderTable({{{"A"}}, {{{"x\x1b[2J\ny\x7f"}}}}), "A\nx?[2J?y?\n");
}

TEST(WordsTest, QuantitiesAreShort) {
  EXPECT_EQ(SecondsText(absl::Milliseconds(71)), "0.071");
  EXPECT_EQ(SecondsText(absl::Seconds(12)), "12.000");
  EXPECT_EQ(SecondsText(absl::Microseconds(999)), "<0.001");
  EXPECT_EQ(SecondsText(absl::ZeroDuration()), "0");
  EXPECT_EQ(LatencyText(absl::Nanoseconds(312'499)), "0.312 ms");
  EXPECT_EQ(LatencyText(absl::Seconds(2)), "2000.000 ms");
  EXPECT_EQ(RateText(3.781e9), "3.78");
  EXPECT_EQ(RateText(1.26e7), "0.013");
  EXPECT_EQ(RateText(0), "");
  EXPECT_EQ(PercentText(0.954), "95%");
  EXPECT_EQ(PercentText(0), "");
  EXPECT_EQ(PlacesText({}), "-");
  EXPECT_EQ(PlacesText({"cpu", "sim:0"}), "cpu, sim:0");
}

TEST(WordsTest, ABarShowsItsShare) {
  EXPECT_EQ(BarText(0, 0, 4), "[....]");
  EXPECT_EQ(BarText(0, 10, 4), "[....]");
  EXPECT_EQ(BarText(1, 1000, 4), "[#...]");
  EXPECT_EQ(BarText(999, 1000, 4), "[###.]");
  EXPECT_EQ(BarText(10, 10, 4), "[####]");
  EXPECT_EQ(BarText(20, 10, 4), "[####]");
}

}  // namespace
}  // namespace ferry::client::table_test
