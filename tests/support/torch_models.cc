#include "tests/support/torch_models.h"

#include <cstdlib>
#include <stdexcept>

#include <torch/script.h>

namespace ferry {

TemporaryFolder::TemporaryFolder() {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "ferry-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    throw std::runtime_error("cannot make a temporary folder");
  }
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void SaveScaleModel(const std::string& path, float factor,
                    uint64_t weight_bytes) {
  torch::jit::Module module("Scale");
  module.register_parameter(
      "weight",
      torch::full({static_cast<int64_t>(weight_bytes / sizeof(float))}, factor),
      false);
  module.register_parameter("bias", torch::ones({1}), false);
  module.define(
      "def forward(self, x):\n"
      "    return x * self.weight[0] + self.bias\n");
  module.save(path);
}

void SaveCounterModel(const std::string& path) {
  torch::jit::Module module("Counter");
  module.register_parameter("weight", torch::zeros({16}), false);
  module.register_buffer("count", torch::zeros({1}));
  module.define(
      "def forward(self, x):\n"
      "    y = x + self.count + self.weight[0]\n"
      "    self.count.add_(1)\n"
      "    return y\n");
  module.save(path);
}

void SaveAssigningCounterModel(const std::string& path) {
  torch::jit::Module module("AssigningCounter");
  module.register_buffer("count", torch::zeros({1}));
  module.define(
      "def forward(self, x):\n"
      "    y = x + self.count\n"
      "    self.count = self.count + 1\n"
      "    return y\n");
  module.save(path);
}

void SaveConstantCounterModel(const std::string& path, uint64_t weight_bytes) {
  torch::jit::Module module("ConstantCounter");
  module.register_parameter(
      "weight",
      torch::zeros({static_cast<int64_t>(weight_bytes / sizeof(float))}),
      false);
  module.define(
      "def forward(self, x):\n"
      "    count = torch.neg(x)\n"
      "    return x + count.add_(1) - 1 + self.weight[0]\n");
  torch::jit::Graph& graph = *module.get_method("forward").graph();
  for (torch::jit::Node* node : graph.nodes()) {
    if (node->kind() != c10::aten::neg) continue;
    const torch::jit::WithInsertPoint here(node);
    node->output()->replaceAllUsesWith(graph.insertConstant(torch::zeros({1})));
    break;
  }
  module.save(path);
}

void SaveDoublingModel(const std::string& path) {
  torch::jit::Module module("Doubling");
  module.register_attribute("training", c10::BoolType::get(), false);
  module.register_attribute("weight", c10::TensorType::get(), torch::ones({1}));
  module.define(
      "def forward(self, x):\n"
      "    return x + self.weight\n"
      "def __getstate__(self) -> Tuple[Tensor, bool]:\n"
      "    return (self.weight, self.training)\n"
      "def __setstate__(self, state: Tuple[Tensor, bool]) -> None:\n"
      "    self.weight = state[0].mul_(2)\n"
      "    self.training = state[1]\n");
  module.save(path);
}

void SaveMatrixModel(const std::string& path) {
  torch::jit::Module module("Matrix");
  module.register_parameter("weight", torch::eye(2), false);
  module.define(
      "def forward(self, x):\n"
      "    return torch.mm(x, self.weight)\n");
  module.save(path);
}

void SaveDeviceModel(const std::string& path) {
  torch::jit::Module module("Device");
  module.register_parameter("weight", torch::zeros({16}), false);
  module.define(
      "def forward(self, x):\n"
      "    return str(x.device)\n");
  module.save(path);
}

void SaveTextModel(const std::string& path) {
  torch::jit::Module module("Text");
  module.register_parameter("weight", torch::zeros({16}), false);
  module.define(
      "def forward(self, text: str, scale: float = 1.0):\n"
      "    return text\n");
  module.save(path);
}

void SaveLookupModel(const std::string& path, int64_t rows) {
  torch::jit::Module module("Lookup");
  module.register_parameter("weight", torch::arange(rows, torch::kFloat),
                            false);
  module.define(
      "def forward(self, x):\n"
      "    return torch.index_select(self.weight, 0, x.long())\n");
  module.save(path);
}

void SaveGreedyModel(const std::string& path) {
  torch::jit::Module module("Greedy");
  module.register_parameter("weight", torch::zeros({16}), false);
  module.define(
      "def forward(self, x):\n"
      "    y = torch.zeros([int(x.sum()) * 1048576], dtype=0)\n"
      "    return x + y[0]\n");
  module.save(path);
}

void SaveGreedyDeviceModel(const std::string& path) {
  torch::jit::Module module("GreedyDevice");
  module.register_parameter("weight", torch::zeros({16}), false);
  module.define(
      "def forward(self, x):\n"
      "    y = torch.zeros([int(x.sum()) * 1048576], dtype=0,\n"
      "                    device=x.device)\n"
      "    return x + y[0]\n");
  module.save(path);
}

void SaveGreedyLoadModel(const std::string& path, int64_t mebibytes) {
  torch::jit::Module module("GreedyLoad");
  module.register_attribute("training", c10::BoolType::get(), false);
  module.register_attribute("weight", c10::TensorType::get(), torch::ones({1}));
  module.register_attribute("bytes", c10::IntType::get(), mebibytes << 20);
  module.define(
      "def forward(self, x):\n"
      "    return x\n"
      "def __getstate__(self) -> Tuple[Tensor, int, bool]:\n"
      "    return (self.weight, self.bytes, self.training)\n"
      "def __setstate__(self, state: Tuple[Tensor, int, bool]) -> None:\n"
      "    self.weight = torch.zeros([state[1]], dtype=0)[:1].clone()\n"
      "    self.bytes = state[1]\n"
      "    self.training = state[2]\n");
  module.save(path);
}

void SaveThrowingModel(const std::string& path) {
  torch::jit::Module module("Throwing");
  module.register_parameter("weight", torch::zeros({16}), false);
  module.define(
      "def forward(self, x):\n"
      "    assert bool(x.sum() < -1.0e30), \"no thanks\"\n"
      "    return x\n");
  module.save(path);
}

void SaveSlowModel(const std::string& path, int64_t size, int64_t times) {
  torch::jit::Module module("Slow");
  module.register_parameter("weight", torch::eye(size), false);
  module.register_attribute("times", c10::IntType::get(), times);
  module.define(
      "def forward(self, x):\n"
      "    y = self.weight\n"
      "    for i in range(self.times):\n"
      "        y = torch.mm(y, self.weight)\n"
      "    return x * y[0, 0]\n");
  module.save(path);
}

}  // namespace ferry
