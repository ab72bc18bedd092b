#include "server/metrics/metrics.h"

#include <algorithm>
#include <cstdint>
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
    CheckLabels(row, label_values);
    MutexLock lock(mutex_);
    prometheus::Labels labels;
    Model* model = nullptr;
    for (size_t i = 0; i < row.label_count(); ++i) {
      std::string value(label_values.begin()[i]);
      if (row.labels[i] == "model") {
        const auto known = models_.find(value);
        if (known == models_.end()) {
          value = kOtherModel;
        } else {
          model = &known->second;
        }
      }
      labels.emplace(row.labels[i], std::move(value));
    }
    const Series::Target target = Make(row, labels);
    if (model != nullptr) model->series.emplace(target, row.name);
    return target;
  }

  std::string Keep(const std::string& name) {
    MutexLock lock(mutex_);
    auto known = models_.find(name);
    if (known == models_.end()) {
      if (!CheckModelName(name).ok() || !MakeRoom()) {
        return std::string(kOtherModel);
      }
      known = models_.try_emplace(name).first;
    }
    ++known->second.keepers;
    return name;
  }

  void LetGo(const std::string& label) {
    if (label == kOtherModel) return;
    MutexLock lock(mutex_);
    Model& model = models_.at(label);
    INVARIANT(model.keepers > 0);
    if (--model.keepers == 0) model.gone = ++gone_;
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
      CheckLabels(row, label_values);
      Values values(label_values.begin(), label_values.end());
      for (size_t i = 0; i < values.size(); ++i) {
        if (row.labels[i] == "model" && !Admit(values[i])) {
          values[i] = kOtherModel;
        }
      }
      const bool other = std::ranges::find(values, kOtherModel) != values.end();
      double& sample = samples_[row.name][std::move(values)];
      sample = other ? sample + value : value;
    }

    Samples samples() && { return std::move(samples_); }

   private:
    bool Admit(const std::string& model) {
      if (models_.contains(model)) return true;
      return models_.size() < store_.models_max_ &&
             CheckModelName(model).ok() && models_.insert(model).second;
    }

    const Store& store_;
    std::set<std::string> models_;
    Samples samples_;
  };

  // Whose requests are counted.
  struct Model {
    int keepers = 0;
    uint64_t gone = 0;  // When nobody kept it any more: grows.
    std::map<Series::Target, std::string_view> series;  // And their rows.
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

  static void CheckLabels(const MetricRow& row, LabelValues label_values) {
    INVARIANT(label_values.size() == row.label_count());
  }

  Series::Target Make(const MetricRow& row, const prometheus::Labels& labels) {
    const auto family = families_.find(row.name);
    INVARIANT(family != families_.end());
    switch (row.type) {
      case MetricType::kCounter:
        return &std::get<0>(family->second)->Add(labels);
      case MetricType::kGauge:
        return &std::get<1>(family->second)->Add(labels);
      case MetricType::kHistogram:
        break;
    }
    const std::span<const double> bounds = BucketBounds(row.buckets);
    return &std::get<2>(family->second)
                ->Add(labels,
                      std::vector<double>(bounds.begin(), bounds.end()));
  }

  // Drops the series of the model that has been gone for the longest, when one
  // more would be too many.
  bool MakeRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (models_.size() < models_max_) return true;
    auto oldest = models_.end();
    for (auto it = models_.begin(); it != models_.end(); ++it) {
      if (it->second.keepers > 0) continue;
      if (oldest == models_.end() || it->second.gone < oldest->second.gone) {
        oldest = it;
      }
    }
    if (oldest == models_.end()) return false;
    for (const auto& [target, row] : oldest->second.series) Drop(target, row);
    models_.erase(oldest);
    return true;
  }

  void Drop(const Series::Target& target, std::string_view row) {
    std::visit(
        [&]<typename T>(T* series) {
          std::get<std::unique_ptr<prometheus::Family<T>>>(families_.at(row))
              ->Remove(series);
        },
        target);
  }

  const size_t models_max_;
  std::map<std::string_view, Family> families_;  // Filled once; then own locks.

  Mutex mutex_;
  std::map<std::string, Model> models_ ABSL_GUARDED_BY(mutex_);
  uint64_t gone_ ABSL_GUARDED_BY(mutex_) = 0;  // Models that nobody kept.
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

std::string Metrics::Keep(const std::string& model) {
  return store_->Keep(model);
}

void Metrics::LetGo(const std::string& label) { store_->LetGo(label); }

void Metrics::AddCollector(std::function<void(GaugeSink&)> collector) {
  store_->AddCollector(std::move(collector));
}

std::string Metrics::Text() { return store_->Text(); }

}  // namespace ferry
