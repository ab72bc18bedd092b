// The catalogue: every number that Ferry exports is one row here.
//
// Code names a row (kInferRequestsTotal), never a string, so the words in code,
// dashboards and rules are the same words, and a test holds them together.
//
// Threads:  any.
// Units:    in the name's last word, base units: seconds, bytes, ratio.
// Limits:   kLabelsMax labels a row; labels come from closed sets, except
//           `model`, which Metrics bounds.

#ifndef SERVER_METRICS_CATALOG_H_
#define SERVER_METRICS_CATALOG_H_

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace ferry {

inline constexpr size_t kLabelsMax = 3;

enum class MetricType { kCounter, kGauge, kHistogram };

// Upper bounds of a histogram's buckets; +Inf is understood. kStep is fine at
// the micro- and milliseconds of a request, kMove reaches ten minutes.
enum class Buckets { kNone, kStep, kMove, kBatch, kRatio };

struct MetricRow {
  std::string_view name;
  MetricType type;
  std::string_view help;
  std::array<std::string_view, kLabelsMax> labels = {};  // Empty ones last.
  Buckets buckets = Buckets::kNone;

  constexpr size_t label_count() const {
    size_t count = 0;
    while (count < kLabelsMax && !labels[count].empty()) ++count;
    return count;
  }
};

inline constexpr MetricRow kInferRequestsTotal = {
    "ferry_infer_requests_total",
    MetricType::kCounter,
    "Infer requests answered, by gRPC status code.",
    {"model", "code"}};
inline constexpr MetricRow kInferStepSeconds = {
    "ferry_infer_step_seconds",
    MetricType::kHistogram,
    "Time of an infer request in each step: queue, pin, run, encode.",
    {"model", "step"},
    Buckets::kStep};
inline constexpr MetricRow kInferBatchSize = {
    "ferry_infer_batch_size",
    MetricType::kHistogram,
    "Requests that ran together in one forward.",
    {"model"},
    Buckets::kBatch};
inline constexpr MetricRow kQueueRequests = {"ferry_queue_requests",
                                             MetricType::kGauge,
                                             "Requests waiting for a lane.",
                                             {"model"}};
inline constexpr MetricRow kConnections = {
    "ferry_connections", MetricType::kGauge, "Open gRPC connections.", {}};
inline constexpr MetricRow kConnectionsRefusedTotal = {
    "ferry_connections_refused_total",
    MetricType::kCounter,
    "Connections refused because a peer had, or all had, as many as they may.",
    {"reason"}};
inline constexpr MetricRow kModels = {
    "ferry_models", MetricType::kGauge, "Models in each state.", {"state"}};
inline constexpr MetricRow kModelBytes = {
    "ferry_model_bytes",
    MetricType::kGauge,
    "Bytes of a model's weights on a device.",
    {"model", "device"}};
inline constexpr MetricRow kModelActivationPeakBytes = {
    "ferry_model_activation_peak_bytes",
    MetricType::kGauge,
    "The most host memory that a model's code has held at a time since its "
    "load.",
    {"model"}};
inline constexpr MetricRow kActivationUsedBytes = {
    "ferry_activation_used_bytes",
    MetricType::kGauge,
    "Host memory that the code of all models holds now.",
    {}};
inline constexpr MetricRow kActivationLimitBytes = {
    "ferry_activation_limit_bytes",
    MetricType::kGauge,
    "The limit of ferry_activation_used_bytes: --activation-bytes-max.",
    {}};
inline constexpr MetricRow kDeviceCapacityBytes = {
    "ferry_device_capacity_bytes",
    MetricType::kGauge,
    "The byte budget of a device.",
    {"device"}};
inline constexpr MetricRow kDeviceUsedBytes = {
    "ferry_device_used_bytes",
    MetricType::kGauge,
    "Bytes of the budget that leases hold.",
    {"device"}};
inline constexpr MetricRow kDeviceHealthy = {
    "ferry_device_healthy",
    MetricType::kGauge,
    "1 while the device works, 0 once it has failed.",
    {"device"}};
inline constexpr MetricRow kMovesTotal = {"ferry_moves_total",
                                          MetricType::kCounter,
                                          "Moves ended, by gRPC status code.",
                                          {"from", "to", "code"}};
inline constexpr MetricRow kMoveBytesTotal = {
    "ferry_move_bytes_total",
    MetricType::kCounter,
    "Bytes of weights that moves carried.",
    {"from", "to"}};
inline constexpr MetricRow kTransferSeconds = {"ferry_transfer_seconds",
                                               MetricType::kHistogram,
                                               "Time of the copy in a move.",
                                               {"from", "to"},
                                               Buckets::kMove};
inline constexpr MetricRow kMoveStepSeconds = {
    "ferry_move_step_seconds",
    MetricType::kHistogram,
    "Time of a move in each step: decide, queue, copy, verify, warmup, switch, "
    "drain.",
    {"from", "to", "step"},
    Buckets::kMove};
inline constexpr MetricRow kTransferEfficiencyRatio = {
    "ferry_transfer_efficiency_ratio",
    MetricType::kHistogram,
    "Rate of the copy in a move over the link's calibrated rate.",
    {"from", "to"},
    Buckets::kRatio};
inline constexpr MetricRow kEvictionsTotal = {
    "ferry_evictions_total",
    MetricType::kCounter,
    "Models that gave up their place on a device.",
    {"device", "reason"}};
inline constexpr MetricRow kVerifyFailuresTotal = {
    "ferry_verify_failures_total",
    MetricType::kCounter,
    "Chunks of weights that failed their checksum on a device, behind a copy "
    "or "
    "after a run.",
    {"device"}};
inline constexpr MetricRow kLinkBytesPerSecond = {
    "ferry_link_bytes_per_second",
    MetricType::kGauge,
    "The calibrated rate of a link.",
    {"from", "to"}};
inline constexpr MetricRow kBuildInfo = {
    "ferry_build_info",
    MetricType::kGauge,
    "Always 1; the labels say what is running.",
    {"version", "libtorch"}};

// Every row above, in that order.
std::span<const MetricRow> Catalog();

// Ascending; empty for kNone.
std::span<const double> BucketBounds(Buckets buckets);

}  // namespace ferry

#endif  // SERVER_METRICS_CATALOG_H_
