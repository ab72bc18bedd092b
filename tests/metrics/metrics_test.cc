// What was counted is read back from the exposition text, line by line.

#include "server/metrics/metrics.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "server/base/worker.h"

namespace ferry::metrics_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(MetricsTest, CountsInTheSeriesOfItsLabels) {
  Metrics metrics;
  metrics.Keep("silero");
  const Series ok = metrics.Find(kInferRequestsTotal, {"silero", "OK"});
  ok.Add();
  ok.Add(2);
  metrics.Add(kInferRequestsTotal, {"silero", "INTERNAL"});
  EXPECT_THAT(
      metrics.Text(),
      AllOf(HasSubstr("# TYPE ferry_infer_requests_total counter\n"),
            HasSubstr("ferry_infer_requests_total{code=\"OK\",model=\"silero\""
                      "} 3\n"),
            HasSubstr("ferry_infer_requests_total{code=\"INTERNAL\",model="
                      "\"silero\"} 1\n")));
}

TEST(MetricsTest, FindsTheSameSeriesAgain) {
  Metrics metrics;
  metrics.Add(kEvictionsTotal, {"sim:0", "pressure"});
  metrics.Add(kEvictionsTotal, {"sim:0", "pressure"});
  EXPECT_THAT(metrics.Text(),
              HasSubstr("ferry_evictions_total{device=\"sim:0\",reason="
                        "\"pressure\"} 2\n"));
}

TEST(MetricsTest, ObservesIntoTheRowsBuckets) {
  Metrics metrics;
  metrics.Keep("m");
  metrics.Observe(kInferBatchSize, {"m"}, 2);
  metrics.Observe(kInferBatchSize, {"m"}, 3);
  EXPECT_THAT(
      metrics.Text(),
      AllOf(
          HasSubstr("ferry_infer_batch_size_bucket{model=\"m\",le=\"1\"} 0"),
          HasSubstr("ferry_infer_batch_size_bucket{model=\"m\",le=\"2\"} 1"),
          HasSubstr("ferry_infer_batch_size_bucket{model=\"m\",le=\"4\"} 2"),
          HasSubstr("ferry_infer_batch_size_bucket{model=\"m\",le=\"+Inf\"} 2"),
          HasSubstr("ferry_infer_batch_size_sum{model=\"m\"} 5"),
          HasSubstr("ferry_infer_batch_size_count{model=\"m\"} 2")));
}

TEST(MetricsTest, SetsGauges) {
  Metrics metrics;
  metrics.Set(kLinkBytesPerSecond, {"cpu", "sim:0"}, 4e9);
  metrics.Set(kLinkBytesPerSecond, {"cpu", "sim:0"}, 5e9);
  EXPECT_THAT(metrics.Text(),
              HasSubstr("ferry_link_bytes_per_second{from=\"cpu\",to=\"sim:0\""
                        "} 5000000000\n"));
}

TEST(MetricsTest, SaysNothingOfRowsWithoutSeries) {
  Metrics metrics;
  EXPECT_EQ(metrics.Text(), "");
}

TEST(MetricsTest, AsksCollectorsAnewAtEachScrape) {
  Metrics metrics;
  std::vector<std::string> models = {"one", "two"};
  metrics.AddCollector([&models](GaugeSink& sink) {
    for (const std::string& model : models) {
      sink.Set(kModelBytes, {model, "cpu"}, 7);
    }
  });
  EXPECT_THAT(metrics.Text(),
              HasSubstr("ferry_model_bytes{model=\"two\",device=\"cpu\"} 7\n"));
  models.pop_back();
  EXPECT_THAT(metrics.Text(),
              AllOf(HasSubstr("model=\"one\""), Not(HasSubstr("\"two\""))));
}

TEST(MetricsTest, CountsModelsBeyondTheLimitTogether) {
  Metrics metrics({.models_max = 2});
  for (const char* model : {"a", "b", "c", "d", "a"}) {
    metrics.Add(kInferRequestsTotal, {metrics.Keep(model), "OK"});
  }
  EXPECT_THAT(metrics.Text(),
              AllOf(HasSubstr("{code=\"OK\",model=\"a\"} 2\n"),
                    HasSubstr("{code=\"OK\",model=\"b\"} 1\n"),
                    HasSubstr("{code=\"OK\",model=\"_other\"} 2\n"),
                    Not(HasSubstr("model=\"c\""))));
}

TEST(MetricsTest, AModelThatHasGoneMakesRoomWhenThereIsNone) {
  Metrics metrics({.models_max = 2});
  const auto count = [&](const char* model) {
    const std::string label = metrics.Keep(model);
    metrics.Add(kInferRequestsTotal, {label, "OK"});
    metrics.Observe(kInferBatchSize, {label}, 1);
    return label;
  };
  const std::string first = count("first");
  const std::string second = count("second");
  metrics.LetGo(second);
  metrics.LetGo(first);
  EXPECT_EQ(count("first"), "first");  // It is back, and counts on.
  EXPECT_THAT(metrics.Text(), AllOf(HasSubstr("model=\"first\"} 2\n"),
                                    HasSubstr("model=\"second\"} 1\n")));
  EXPECT_EQ(count("third"), "third");
  EXPECT_THAT(metrics.Text(),
              AllOf(HasSubstr("model=\"first\"} 2\n"), Not(HasSubstr("second")),
                    HasSubstr("model=\"third\"} 1\n")));
  EXPECT_EQ(count("fourth"), Metrics::kOtherModel) << "both are kept";
}

TEST(MetricsTest, ManyModelsThatComeAndGoTakeTheRoomOfAFew) {
  Metrics metrics({.models_max = 4});
  size_t size = 0;
  for (int i = 1000; i < 2000; ++i) {
    const std::string label = metrics.Keep(absl::StrCat("model-", i));
    metrics.Add(kInferRequestsTotal, {label, "OK"});
    metrics.Observe(kInferStepSeconds, {label, "run"}, 0.001);
    metrics.LetGo(label);
    if (i == 1003) size = metrics.Text().size();
  }
  EXPECT_EQ(metrics.Text().size(), size);
  EXPECT_THAT(metrics.Text(), HasSubstr("model=\"model-1999\"} 1\n"));
}

TEST(MetricsTest, KeepsAModelUntilAllHaveLetItGo) {
  Metrics metrics({.models_max = 1});
  const std::string one = metrics.Keep("twice");  // Two versions of it.
  const std::string other = metrics.Keep("twice");
  metrics.LetGo(one);
  EXPECT_EQ(metrics.Keep("half"), Metrics::kOtherModel);
  metrics.LetGo(Metrics::kOtherModel.data());
  metrics.LetGo(other);
  EXPECT_EQ(metrics.Keep("half"), "half");
}

TEST(MetricsTest, AddsUpTheGaugesOfModelsBeyondTheLimit) {
  Metrics metrics({.models_max = 1});
  metrics.AddCollector([](GaugeSink& sink) {
    sink.Set(kQueueRequests, {"a"}, 1);
    sink.Set(kQueueRequests, {"b"}, 2);
    sink.Set(kQueueRequests, {"c"}, 3);
  });
  EXPECT_THAT(metrics.Text(), AllOf(HasSubstr("{model=\"a\"} 1\n"),
                                    HasSubstr("{model=\"_other\"} 5\n")));
}

TEST(MetricsTest, TheGaugesOfModelsThatHaveGoneMakeRoom) {
  Metrics metrics({.models_max = 2});
  metrics.Keep("x");
  metrics.Keep("y");
  std::vector<std::string> models = {"a", "b"};
  metrics.AddCollector([&models](GaugeSink& sink) {
    for (const std::string& model : models) {
      sink.Set(kModelBytes, {model, "cpu"}, 7);
    }
  });
  EXPECT_THAT(metrics.Text(), AllOf(HasSubstr("model=\"a\",device"),
                                    HasSubstr("model=\"b\",device")));
  models = {"c"};
  EXPECT_THAT(metrics.Text(), HasSubstr("model=\"c\",device=\"cpu\"} 7\n"));
}

TEST(MetricsTest, NeverLetsAClientsTextIntoTheOutput) {
  Metrics metrics;
  EXPECT_EQ(metrics.Keep("\xFF\"\n"), Metrics::kOtherModel);
  metrics.Add(kInferRequestsTotal, {"\xFF\"\n", "NOT_FOUND"});
  EXPECT_THAT(metrics.Text(),
              HasSubstr("{code=\"NOT_FOUND\",model=\"_other\"} 1\n"));
}

TEST(MetricsTest, LosesNothingBetweenThreads) {
  Metrics metrics;
  {
    std::vector<std::unique_ptr<Worker>> workers;
    for (int i = 0; i < 4; ++i) {
      workers.push_back(std::make_unique<Worker>("count", [&metrics, i] {
        metrics.Keep("shared");
        const std::string mine = metrics.Keep(absl::StrCat("m", i));
        const Series seconds =
            metrics.Find(kInferStepSeconds, {"shared", "run"});
        for (int step = 0; step < 500; ++step) {
          seconds.Observe(0.001);
          metrics.Add(kInferRequestsTotal, {mine, "OK"});
        }
        (void)metrics.Text();
      }));
    }
  }
  EXPECT_THAT(
      metrics.Text(),
      AllOf(HasSubstr("ferry_infer_step_seconds_count{model=\"shared\",step="
                      "\"run\"} 2000\n"),
            HasSubstr("{code=\"OK\",model=\"m3\"} 500\n")));
}

TEST(MetricsDeathTest, AWrongCountOfLabelsIsABug) {
  Metrics metrics;
  EXPECT_DEATH(metrics.Add(kInferRequestsTotal, {"m"}), "INVARIANT");
  EXPECT_DEATH(metrics.Set(kModels, {"a", "b"}, 1), "INVARIANT");
}

TEST(MetricsDeathTest, AWrongKindOfRowIsABug) {
  Metrics metrics;
  EXPECT_DEATH(metrics.Set(kInferRequestsTotal, {"m", "OK"}, 1), "INVARIANT");
  EXPECT_DEATH(metrics.Observe(kModels, {"SERVING"}, 1), "INVARIANT");
  EXPECT_DEATH(metrics.Add(kInferBatchSize, {"m"}), "INVARIANT");
  EXPECT_DEATH(metrics.Add(kInferRequestsTotal, {"m", "OK"}, -1), "INVARIANT");
  metrics.AddCollector([](GaugeSink& sink) {
    sink.Set(kMoveBytesTotal, {"a", "b"}, 1);
  });
  EXPECT_DEATH(metrics.Text(), "INVARIANT");
}

TEST(MetricsDeathTest, ARowBelongsToOneSide) {
  Metrics metrics;
  metrics.Set(kModels, {"SERVING"}, 1);
  metrics.AddCollector(
      [](GaugeSink& sink) { sink.Set(kModels, {"SERVING"}, 2); });
  EXPECT_DEATH(metrics.Text(), "INVARIANT");
}

}  // namespace
}  // namespace ferry::metrics_test
