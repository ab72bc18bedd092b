// A test model of build/models, opened, read into host memory and placed on
// devices: what the registry does for real, in a few lines.
//
// Threads:  one test at a time.

#ifndef TESTS_EXECUTORS_MODEL_FILE_H_
#define TESTS_EXECUTORS_MODEL_FILE_H_

#include <memory>
#include <string>
#include <vector>

#include <ATen/core/ivalue.h>
#include <gtest/gtest.h>

#include "server/devices/cpu_device.h"
#include "server/devices/sim_device.h"
#include "server/executors/open_program.h"
#include "server/executors/program.h"
#include "server/executors/sim/sim_backend.h"
#include "server/formats/torchscript/torchscript_archive.h"
#include "server/weights/arena.h"
#include "server/weights/weight_set.h"
#include "tests/support/models_folder.h"

namespace ferry {

// cpu, sim:0 and sim:1, known to LibTorch.
class Devices {
 public:
  Devices();
  ~Devices();

  CpuDevice cpu{uint64_t{1} << 30};
  std::unique_ptr<SimDevice> sim0;
  std::unique_ptr<SimDevice> sim1;
  std::unique_ptr<SimBackend> backend;
  std::vector<Device*> all;
};

// The image of an archive on `device`, filled from the file.
struct PlacedWeights {
  std::unique_ptr<Arena> arena;
  std::unique_ptr<WeightSet> weights;
};
PlacedWeights PlaceWeights(const TorchScriptArchive& archive, Device& device);

std::unique_ptr<TorchScriptArchive> OpenArchive(const std::string& path);

// A model that is loaded and bound to `device`.
struct ServedModel {
  std::unique_ptr<TorchScriptArchive> archive;
  PlacedWeights host;
  PlacedWeights placed;
  PlacedWeights state;
  std::unique_ptr<Program> program;
  std::unique_ptr<Instance> instance;
};
ServedModel Serve(const std::string& path, Device& device, Devices& devices);

// Another Instance of a program, with memory for what it writes to.
struct BoundInstance {
  PlacedWeights state;
  std::unique_ptr<Instance> instance;
};
std::unique_ptr<BoundInstance> BindTo(const Program& program,
                                      const WeightSet& weights);

// i0, i1, ... of NAME.in.pt, or o0, ... of NAME.out.pt.
std::vector<c10::IValue> ReadValues(const std::string& path, char letter);

// Values over what LibTorch's hold, which must live on, and the names that the
// signature gives.
Value ToValue(const c10::IValue& from);
std::vector<NamedValue> ToInputs(const Signature& signature,
                                 const std::vector<c10::IValue>& values);

// Whether a Value holds the same as LibTorch's value: bit by bit, or up to
// rounding.
bool SameBits(const Value& value, const c10::IValue& expected);
bool Close(const Value& value, const c10::IValue& expected);

}  // namespace ferry

#endif  // TESTS_EXECUTORS_MODEL_FILE_H_
