// The stack on its own, step by step; pickle_check_test.cc drives it with whole
// pickles.

#include "server/formats/pickle/pickle_stack.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::pickle_stack_test {
namespace {

using absl::StatusCode::kInvalidArgument;

constexpr PickleValue kNone;

TEST(PickleStackTest, TakesNothingFromBelowAMark) {
  PickleStack stack({});
  ASSERT_THAT(stack.Push(kNone), IsOk());
  ASSERT_THAT(stack.Mark(), IsOk());
  EXPECT_THAT(stack.Pop(), StatusIs(kInvalidArgument));
  EXPECT_EQ(*stack.PopMark(), 0);
  EXPECT_THAT(stack.Pop(), IsOk());
  EXPECT_THAT(stack.PopMark(), StatusIs(kInvalidArgument));
}

TEST(PickleStackTest, MakesContainersAndCountsWhatIsInThem) {
  PickleStack stack({});
  for (int i = 0; i < 3; ++i) ASSERT_THAT(stack.Push(kNone), IsOk());
  ASSERT_THAT(stack.MakeTuple(2), IsOk());
  ASSERT_THAT(stack.MakeFilled(PickleKind::kList, 2), IsOk());
  const PickleContainer& list = stack.heap().Container(stack.Top());
  EXPECT_EQ(stack.Top().kind, PickleKind::kList);
  EXPECT_EQ(list.nesting, 2);
  // The list, the value in it, the tuple and its two values.
  EXPECT_EQ(list.walk, 5);
  EXPECT_THAT(stack.CheckDone(), IsOk());
}

TEST(PickleStackTest, IsDoneWithOneValueAndNoMark) {
  PickleStack stack({});
  EXPECT_THAT(stack.CheckDone(), StatusIs(kInvalidArgument));
  ASSERT_THAT(stack.Push(kNone), IsOk());
  EXPECT_THAT(stack.CheckDone(), IsOk());
  ASSERT_THAT(stack.Mark(), IsOk());
  EXPECT_THAT(stack.CheckDone(), StatusIs(kInvalidArgument));
}

TEST(PickleStackTest, RefusesMoreMarksThanContainersCanBeNested) {
  PickleStack stack({.nesting_max = 4});
  absl::Status status;
  int marks = 0;
  for (; status.ok() && marks < 100; ++marks) status = stack.Mark();
  EXPECT_THAT(status, StatusIs(kInvalidArgument));
  EXPECT_LT(marks, 12);
}

TEST(PickleStackTest, RemembersValuesUnderTheirIndex) {
  PickleStack stack({});
  ASSERT_THAT(stack.Push({.kind = PickleKind::kInt, .number = 7}), IsOk());
  EXPECT_THAT(stack.Put(1), StatusIs(kInvalidArgument));
  EXPECT_THAT(stack.Put(0), IsOk());
  EXPECT_THAT(stack.Get(0), IsOk());
  EXPECT_EQ(stack.Top().number, 7);
  EXPECT_THAT(stack.Get(1), StatusIs(kInvalidArgument));
}

}  // namespace
}  // namespace ferry::pickle_stack_test
