// Metrics holds the series of every row in the catalogue.
//
// Events are counted where they happen, through a Series that a hot path keeps.
// Derived state (bytes used, models by state) is not counted but asked for at
// each scrape, by a collector: what has left the snapshot leaves the output.
//
// Owns:     the series. A collector runs inside Text(): what it
//           borrows outlives the last scrape (destroy the Exporter first).
// Threads:  thread-safe. Collectors run without a lock of ours, on the thread
//           that asks: two scrapes may run one at the same time.
// Fails:    never; the wrong kind of row or count of labels is a bug.
// Limits:   Options::models_max values of the label `model`: at a time for what
//           is counted, where a model that has gone makes room for a new one,
//           in one scrape for what is asked for. What is too much is taken
//           together as kOtherModel, as is what no model may be named.

#ifndef SERVER_METRICS_METRICS_H_
#define SERVER_METRICS_METRICS_H_

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "server/metrics/catalog.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace ferry {

// One line of the output, cheap to copy, valid while its Metrics lives. Which
// of the three calls is allowed follows from the row's type.
class Series {
 public:
  void Add(double amount = 1) const;  // Counters, gauges; counters only up.
  void Set(double value) const;       // Gauges.
  void Observe(double value) const;   // Histograms.

 private:
  friend class Metrics;
  using Target = std::variant<prometheus::Counter*, prometheus::Gauge*,
                              prometheus::Histogram*>;
  explicit Series(Target target) : target_(target) {}

  Target target_;
};

// Where a collector puts the gauges of one scrape.
class GaugeSink {
 public:
  virtual ~GaugeSink() = default;

  // Label values in the row's order. The same labels twice replace each other,
  // except for models beyond the limit, which add up.
  virtual void Set(const MetricRow& row,
                   std::initializer_list<std::string_view> label_values,
                   double value) = 0;
};

class Metrics {
 public:
  struct Options {
    size_t models_max = 1024;  // 1 to 1,000,000.
  };
  using LabelValues = std::initializer_list<std::string_view>;

  static constexpr std::string_view kOtherModel = "_other";

  Metrics() : Metrics(Options{}) {}
  explicit Metrics(Options options);
  ~Metrics();

  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The series with these label values, in the row's order; a new one starts
  // at zero. Takes a lock and a look-up: hot paths call it once. Of a row with
  // the label `model`, a Series is valid while that model is kept.
  Series Find(const MetricRow& row, LabelValues label_values);

  // Find() and the call, where it happens rarely.
  void Add(const MetricRow& row, LabelValues label_values, double amount = 1) {
    Find(row, label_values).Add(amount);
  }
  void Set(const MetricRow& row, LabelValues label_values, double value) {
    Find(row, label_values).Set(value);
  }
  void Observe(const MetricRow& row, LabelValues label_values, double value) {
    Find(row, label_values).Observe(value);
  }

  // `collector` fills in its gauges at each scrape. A row belongs to Find() or
  // to collectors, not to both.
  void AddCollector(std::function<void(GaugeSink&)> collector);

  // For ModelMetrics: keeps the series of this model, until LetGo as often,
  // and returns the label to find them by. Those that nobody keeps stay as they
  // are, until their room is needed for another model.
  std::string Keep(const std::string& model);
  void LetGo(const std::string& label);

  // Everything, in Prometheus' text exposition format 0.0.4.
  std::string Text();

 private:
  class Store;

  const std::unique_ptr<Store> store_;
};

}  // namespace ferry

#endif  // SERVER_METRICS_METRICS_H_
