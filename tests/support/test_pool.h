// A TestPool is a pool of devices with everything up to the registry on it:
// cpu, sim:0 and sim:1, and a folder of models.
//
// Owns:     all of it. Destroyed from the mover down.
// Threads:  as its parts.
// Units:    bytes.

#ifndef TESTS_SUPPORT_TEST_POOL_H_
#define TESTS_SUPPORT_TEST_POOL_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "server/devices/device_pool.h"
#include "server/devices/sim_device.h"
#include "server/executors/sim/sim_backend.h"
#include "server/metrics/metrics.h"
#include "server/registry/model_table.h"
#include "server/registry/mover.h"
#include "server/transfer/calibration.h"
#include "server/transfer/transfer_engine.h"
#include "server/weights/weight_store.h"
#include "tests/support/torch_models.h"

namespace ferry {

class TestPool {
 public:
  explicit TestPool(
      const std::string& devices = "cpu=64MiB,sim:0=16MiB,sim:1=16MiB",
      ModelTable::Options options = {}, Metrics::Options metrics = {},
      ModelFormats formats = {});
  ~TestPool();

  // Asks and waits for the end.
  absl::StatusOr<MoveOutcome> Load(const std::string& name,
                                   const std::vector<std::string>& devices,
                                   const std::string& path = "");
  absl::StatusOr<MoveOutcome> Migrate(const std::string& name,
                                      const std::vector<std::string>& devices);
  absl::StatusOr<MoveOutcome> Unload(const std::string& name);
  absl::StatusOr<MoveOutcome> Ask(const MoveRequest& request);

  // forward(x) of a model with one float argument "x", where it serves now.
  absl::StatusOr<float> Run(const std::string& name, float x);

  SimDevice& sim(int index);
  uint64_t used_bytes(const std::string& device);

  TemporaryFolder models;
  Metrics metrics;
  std::unique_ptr<DevicePool> devices;
  std::unique_ptr<SimBackend> backend;
  std::unique_ptr<WeightStore> weights;
  std::unique_ptr<TransferEngine> transfers;
  Calibration calibration;
  std::unique_ptr<ModelTable> table;
  std::unique_ptr<Mover> mover;
};

}  // namespace ferry

#endif  // TESTS_SUPPORT_TEST_POOL_H_
