// InferCounter: one series for each model and code, and none for a name that
// only a client knows.

#include "server/rpc/infer_counter.h"

#include <string>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "tests/support/status_matchers.h"
#include "tests/support/test_pool.h"

namespace ferry::infer_counter_test {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(InferCounterTest, CountsByModelAndCode) {
  TestPool pool;
  SaveScaleModel(pool.models / "twice.pt", 2);
  ASSERT_THAT(pool.Load("twice", {"cpu"}), IsOk());
  InferCounter counter(pool.metrics, *pool.table);
  counter.Count("twice", absl::StatusCode::kOk);
  counter.Count("twice", absl::StatusCode::kOk);
  counter.Count("twice", absl::StatusCode::kInvalidArgument);
  const std::string text = pool.metrics.Text();
  EXPECT_THAT(
      text,
      HasSubstr("ferry_infer_requests_total{code=\"OK\",model=\"twice\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("ferry_infer_requests_total{code=\"INVALID_"
                              "ARGUMENT\",model=\"twice\"} 1\n"));
  ASSERT_THAT(pool.Unload("twice"), IsOk());
}

TEST(InferCounterTest, CountsUnknownModelsTogether) {
  TestPool pool;
  InferCounter counter(pool.metrics, *pool.table);
  counter.Count("guess-1", absl::StatusCode::kNotFound);
  counter.Count("guess-2", absl::StatusCode::kNotFound);
  counter.Count(std::string("\n\"}"), absl::StatusCode::kInvalidArgument);
  const std::string text = pool.metrics.Text();
  EXPECT_THAT(text, Not(HasSubstr("guess")));
  EXPECT_THAT(text, HasSubstr("ferry_infer_requests_total{code=\"NOT_FOUND\","
                              "model=\"_other\"} 2\n"));
}

TEST(InferCounterTest, KeepsCountingPastItsCache) {
  Metrics metrics({.models_max = 2 * InferCounter::kModelsMax});
  const ModelTable table({});
  InferCounter counter(metrics, table);
  for (int round = 0; round < 2; ++round) {
    for (size_t i = 0; i <= InferCounter::kModelsMax; ++i) {
      counter.Count(absl::StrCat("m", i), absl::StatusCode::kOk);
    }
  }
  EXPECT_THAT(
      metrics.Text(),
      HasSubstr("ferry_infer_requests_total{code=\"OK\",model=\"m0\"} 2\n"));
}

}  // namespace
}  // namespace ferry::infer_counter_test
