#include "server/metrics/metrics.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/text_serializer.h>

#include "absl/base/thread_annotations.h"

#include "server/base/ids.h"
#include "server/base/invariant.h"
#include "server/base/mutex.h"

namespace ferry {
namespace {

using Values = std::vector<std::string>;
using Models = std::set<std::string>;

// Samples of one scrape: row name, then label values.
using Samples = std::map<std::string_view, std::map<Values, double>>;

// The series of one row that were made by Find().
using Family =
    std::variant<std::unique_ptr<prometheus::Family<prometheus::Counter>>,
                 std::unique_ptr<prometheus::Family<prometheus::Gauge>>,
                 std::unique_ptr<prometheus::Family<prometheus::Histogram>>>;

Family MakeFamily(const MetricRow& row) {
  const std::string name(row.name);
  const std::string help(row.help);
  const prometheus::Labels none;
  switch (row.type) {
    case MetricType::kCounter:
      return std::make_unique<prometheus::Family<prometheus::Counter>>(
          name, help, none);
    case MetricType::kGauge:
      return std::make_unique<prometheus::Family<prometheus::Gauge>>(name, help,
                                                                     none);
    case MetricType::kHistogram:
      break;
  }
  return std::make_unique<prometheus::Family<prometheus::Histogram>>(name, help,
                                                                     none);
}

prometheus::MetricFamily GaugeFamily(const MetricRow& row,
                                     const std::map<Values, double>& samples) {
  prometheus::MetricFamily family;
  family.name = row.name;
  family.help = row.help;
  family.type = prometheus::MetricType::Gauge;
  for (const auto& [values, value] : samples) {
    prometheus::ClientMetric metric;
    for (size_t i = 0; i < values.size(); ++i) {
      metric.label.push_back({std::string(row.labels[i]), values[i]});
    }
    metric.gauge.value = value;
    family.metric.push_back(std::move(metric));
  }
  return family;
}

}  // namespace

class Metrics::Store {
 public:
  explicit Store(Options options) : models_max_(options.models_max) {
    INVARIANT(models_max_ >= 1 && models_max_ <= 1'000'000);
    for (const MetricRow& row : Catalog()) {
      families_.emplace(row.name, MakeFamily(row));
    }
  }

  Series::Target Find(const MetricRow& row, LabelValues label_values) {
    const Values values = [&] {
      MutexLock lock(mutex_);
      return Bounded(row, label_values, models_);
    }();
    prometheus::Labels labels;
    for (size_t i = 0; i < values.size(); ++i) {
      labels.emplace(row.labels[i], values[i]);
    }
    const auto& family = families_.at(row.name);
    switch (row.type) {
      case MetricType::kCounter:
        return &std::get<0>(family)->Add(labels);
      case MetricType::kGauge:
        return &std::get<1>(family)->Add(labels);
      case MetricType::kHistogram:
        break;
    }
    const std::span<const double> bounds = BucketBounds(row.buckets);
    return &std::get<2>(family)->Add(
        labels, std::vector<double>(bounds.begin(), bounds.end()));
  }

  void AddCollector(std::function<void(GaugeSink&)> collector) {
    MutexLock lock(mutex_);
    collectors_.push_back(std::move(collector));
  }

  std::string Text() {
    Samples samples = CollectSamples();
    std::vector<prometheus::MetricFamily> output;
    for (const MetricRow& row : Catalog()) {
      for (auto& family : std::visit([](auto& f) { return f->Collect(); },
                                     families_.at(row.name))) {
        INVARIANT(!samples.contains(row.name));
        std::ranges::sort(family.metric, std::less<>(),
                          &prometheus::ClientMetric::label);
        output.push_back(std::move(family));
      }
      if (const auto found = samples.find(row.name); found != samples.end()) {
        output.push_back(GaugeFamily(row, found->second));
      }
    }
    return prometheus::TextSerializer().Serialize(output);
  }

 private:
  class Sink final : public GaugeSink {
   public:
    explicit Sink(Store& store) : store_(store) {}

    void Set(const MetricRow& row, LabelValues label_values,
             double value) override {
      INVARIANT(row.type == MetricType::kGauge);
      Values values = store_.Bounded(row, label_values, models_);
      const bool other = std::ranges::find(values, kOtherModel) != values.end();
      double& sample = samples_[row.name][std::move(values)];
      sample = other ? sample + value : value;
    }

    Samples samples() && { return std::move(samples_); }

   private:
    Store& store_;
    Models models_;
    Samples samples_;
  };

  Samples CollectSamples() {
    std::vector<std::function<void(GaugeSink&)>> collectors;
    {
      MutexLock lock(mutex_);
      collectors = collectors_;
    }
    Sink sink(*this);
    for (const auto& collector : collectors) collector(sink);
    return std::move(sink).samples();
  }

  // The label values, with a model renamed that would be too many in `models`.
  Values Bounded(const MetricRow& row, LabelValues label_values,
                 Models& models) const {
    INVARIANT(families_.contains(row.name));
    INVARIANT(label_values.size() == row.label_count());
    Values values(label_values.begin(), label_values.end());
    for (size_t i = 0; i < values.size(); ++i) {
      if (row.labels[i] == "model" && !Admit(values[i], models)) {
        values[i] = kOtherModel;
      }
    }
    return values;
  }

  bool Admit(const std::string& model, Models& models) const {
    // What cannot be a model is a client's text, maybe not even UTF-8.
    if (!CheckModelName(model).ok()) return false;
    if (models.contains(model)) return true;
    return models.size() < models_max_ && models.insert(model).second;
  }

  const size_t models_max_;
  std::map<std::string_view, Family> families_;  // Filled once; then own locks.

  Mutex mutex_;
  Models models_ ABSL_GUARDED_BY(mutex_);  // Of every series so far.
  std::vector<std::function<void(GaugeSink&)>> collectors_
      ABSL_GUARDED_BY(mutex_);
};

void Series::Add(double amount) const {
  if (auto* const* counter = std::get_if<prometheus::Counter*>(&target_)) {
    INVARIANT(amount >= 0);
    (*counter)->Increment(amount);
    return;
  }
  auto* const* gauge = std::get_if<prometheus::Gauge*>(&target_);
  INVARIANT(gauge != nullptr);
  (*gauge)->Increment(amount);
}

void Series::Set(double value) const {
  auto* const* gauge = std::get_if<prometheus::Gauge*>(&target_);
  INVARIANT(gauge != nullptr);
  (*gauge)->Set(value);
}

void Series::Observe(double value) const {
  auto* const* histogram = std::get_if<prometheus::Histogram*>(&target_);
  INVARIANT(histogram != nullptr);
  (*histogram)->Observe(value);
}

Metrics::Metrics(Options options) : store_(std::make_unique<Store>(options)) {}
Metrics::~Metrics() = default;

Series Metrics::Find(const MetricRow& row, LabelValues label_values) {
  return Series(store_->Find(row, label_values));
}

void Metrics::AddCollector(std::function<void(GaugeSink&)> collector) {
  store_->AddCollector(std::move(collector));
}

std::string Metrics::Text() { return store_->Text(); }

}  // namespace ferry
