// ModelMetrics: one series for each code and step, from its first use on; read
// back from the exposition text.

#include "server/metrics/model_metrics.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/base/worker.h"

namespace ferry::model_metrics_test {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(ModelMetricsTest, CountsByCode) {
  Metrics metrics;
  ModelMetrics twice(metrics, "twice");
  EXPECT_EQ(metrics.Text(), "") << "nothing has happened";
  twice.Count(StatusCode::kOk);
  twice.Count(StatusCode::kOk);
  twice.Count(StatusCode::kUnauthenticated);
  EXPECT_THAT(
      metrics.Text(),
      AllOf(HasSubstr(
                "ferry_infer_requests_total{code=\"OK\",model=\"twice\"} 2\n"),
            HasSubstr("{code=\"UNAUTHENTICATED\",model=\"twice\"} 1\n"),
            Not(HasSubstr("step="))));
}

TEST(ModelMetricsTest, ObservesEachStep) {
  Metrics metrics;
  ModelMetrics twice(metrics, "twice");
  twice.Started(absl::Seconds(1), absl::Seconds(2));
  const std::string begun = metrics.Text();
  const std::string sum = "ferry_infer_step_seconds_sum{model=\"twice\",step=";
  EXPECT_THAT(begun, AllOf(HasSubstr(sum + "\"queue\"} 1\n"),
                           HasSubstr(sum + "\"pin\"} 2\n")));
  twice.Ran(absl::Seconds(3), 1);
  twice.Encoded(absl::Seconds(4));
  EXPECT_THAT(
      metrics.Text(),
      AllOf(HasSubstr(sum + "\"run\"} 3\n"), HasSubstr(sum + "\"encode\"} 4\n"),
            HasSubstr("ferry_infer_batch_size_count{model=\"twice\"} 1\n")));
}

TEST(ModelMetricsTest, OneThatGoesLeavesItsRoomAndItsCounts) {
  Metrics metrics({.models_max = 1});
  std::optional<ModelMetrics> model(std::in_place, metrics, "one");
  model->Count(StatusCode::kOk);
  model.reset();
  EXPECT_THAT(metrics.Text(), HasSubstr("model=\"one\"} 1\n"));
  model.emplace(metrics, "other").Count(StatusCode::kOk);
  EXPECT_THAT(metrics.Text(), AllOf(HasSubstr("model=\"other\"} 1\n"),
                                    Not(HasSubstr("model=\"one\""))));
}

TEST(ModelMetricsTest, LosesNothingBetweenThreads) {
  Metrics metrics;
  ModelMetrics twice(metrics, "twice");
  {
    std::vector<std::unique_ptr<Worker>> workers;
    for (int i = 0; i < 4; ++i) {
      workers.push_back(std::make_unique<Worker>("count", [&] {
        for (int request = 0; request < 500; ++request) {
          twice.Started(absl::Seconds(1), absl::Seconds(1));
          twice.Count(StatusCode::kOk);
        }
      }));
    }
  }
  EXPECT_THAT(metrics.Text(),
              AllOf(HasSubstr("{code=\"OK\",model=\"twice\"} 2000\n"),
                    HasSubstr("step=\"queue\"} 2000\n")));
}

}  // namespace
}  // namespace ferry::model_metrics_test
