#include "server/metrics/catalog.h"

namespace ferry {
namespace {

constexpr std::array kCatalog = {kInferRequestsTotal,
                                 kInferStepSeconds,
                                 kInferBatchSize,
                                 kQueueRequests,
                                 kConnections,
                                 kConnectionsRefusedTotal,
                                 kModels,
                                 kModelBytes,
                                 kModelActivationPeakBytes,
                                 kActivationUsedBytes,
                                 kActivationLimitBytes,
                                 kDeviceCapacityBytes,
                                 kDeviceUsedBytes,
                                 kDeviceHealthy,
                                 kMovesTotal,
                                 kMoveBytesTotal,
                                 kTransferSeconds,
                                 kMoveStepSeconds,
                                 kTransferEfficiencyRatio,
                                 kEvictionsTotal,
                                 kVerifyFailuresTotal,
                                 kLinkBytesPerSecond,
                                 kBuildInfo};

constexpr std::array kStepBounds = {0.00001, 0.000025, 0.00005, 0.0001, 0.00025,
                                    0.0005,  0.001,    0.0025,  0.005,  0.01,
                                    0.025,   0.05,     0.1,     0.25,   0.5,
                                    1.0,     2.5,      5.0,     10.0};
constexpr std::array kMoveBounds = {
    0.00001, 0.0001, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,  0.1,   0.25,
    0.5,     1.0,    2.5,   5.0,    10.0,  25.0, 60.0,  120.0, 300.0, 600.0};
constexpr std::array kBatchBounds = {1.0,  2.0,  4.0,  8.0,
                                     16.0, 32.0, 64.0, 128.0};
// A copy now and then beats the calibrated rate by a little.
constexpr std::array kRatioBounds = {0.1, 0.2,  0.3, 0.4,  0.5, 0.6, 0.7,
                                     0.8, 0.85, 0.9, 0.95, 1.0, 1.1, 1.2};

}  // namespace

std::span<const MetricRow> Catalog() { return kCatalog; }

std::span<const double> BucketBounds(Buckets buckets) {
  switch (buckets) {
    case Buckets::kNone:
      break;
    case Buckets::kStep:
      return kStepBounds;
    case Buckets::kMove:
      return kMoveBounds;
    case Buckets::kBatch:
      return kBatchBounds;
    case Buckets::kRatio:
      return kRatioBounds;
  }
  return {};
}

}  // namespace ferry
