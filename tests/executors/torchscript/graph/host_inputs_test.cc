// Which inputs belong on the host: by graphs made from source.

#include "server/executors/torchscript/graph/host_inputs.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/executors/scripted.h"

namespace ferry::host_inputs_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Of forward with those arguments and that body.
std::vector<std::string> Find(const std::string& arguments,
                              const std::string& body) {
  const torch::jit::Module module =
      Scripted("def forward(self, " + arguments + "):\n" + body);
  return FindHostInputs(*FlatGraph(module),
                        module.get_method("forward").function().getSchema());
}

TEST(HostInputsTest, AreWhatAnOperatorWantsThere) {
  EXPECT_THAT(
      Find("x, lengths",
           "    return torch._pack_padded_sequence(x, lengths, True)[0]\n"),
      ElementsAre("lengths"));
  EXPECT_THAT(Find("x, at", "    return torch.tensor_split(x, at, 0)\n"),
              ElementsAre("at"));
  EXPECT_THAT(Find("x, at", "    return torch.tensor_split(x, 2, 0)\n"),
              IsEmpty());
}

TEST(HostInputsTest, AreFoundThroughWhatLeavesATensorWhereItIs) {
  EXPECT_THAT(Find("x, a, b, longer: bool",
                   "    n = a + 1\n"
                   "    if longer:\n"
                   "        n = torch.cat([b, a])\n"
                   "    for i in range(3):\n"
                   "        n = n * 2\n"
                   "    n, order = torch.sort(n.to(4), 0, True)\n"
                   "    return torch._pack_padded_sequence(x, n, True)[0]\n"),
              ElementsAre("a", "b"));
  // Whose sizes are on the host already.
  EXPECT_THAT(
      Find("x, lengths",
           "    data, sizes = torch._pack_padded_sequence(x, lengths, True)\n"
           "    return torch._pad_packed_sequence(data, sizes, True, 0., 0)\n"),
      ElementsAre("lengths"));
}

TEST(HostInputsTest, ArePartsOfTuplesDictsAndLists) {
  EXPECT_THAT(Find("packed: Tuple[Tensor, Tensor]",
                   "    data, sizes = packed\n"
                   "    return torch._pad_packed_sequence(data, sizes, True, "
                   "0., 0)[0]\n"),
              ElementsAre("packed.1"));
  EXPECT_THAT(Find("d: Dict[str, Tuple[Tensor, Tensor]]",
                   "    return torch.tensor_split(d[\"x\"][0], "
                   "d[\"at\"][1], 0)\n"),
              ElementsAre("d.at.1"));
  EXPECT_THAT(Find("x, ats: List[Tensor], i: int",
                   "    return torch.tensor_split(x, ats[i], 0)\n"),
              ElementsAre("ats"));
}

TEST(HostInputsTest, AreNotThoseThatTheProgramMovesThereItself) {
  EXPECT_THAT(Find("x, at, other",
                   "    a = torch.tensor_split(x, torch.cpu(at), 0)\n"
                   "    b = torch.tensor_split(x, at.to(other), 0)\n"
                   "    return a, b\n"),
              IsEmpty());
}

TEST(HostInputsTest, ADeviceOnTheWayToThemIsMeant) {
  const torch::jit::Module module = Scripted(
      "def forward(self, x, at):\n"
      "    cpu = torch.device(\"cpu\")\n"
      "    zeros = torch.zeros([4], dtype=6, layout=0, device=cpu)\n"
      "    return torch.tensor_split(x + zeros, at.to(cpu, 4), 0)\n");
  const auto graph = FlatGraph(module);
  EXPECT_THAT(FindHostInputs(
                  *graph, module.get_method("forward").function().getSchema()),
              IsEmpty());
  std::vector<std::string> fixed;
  for (torch::jit::Node* node : graph->nodes()) {
    for (const torch::jit::Value* input : node->inputs()) {
      if (input->type()->kind() != c10::TypeKind::DeviceObjType) continue;
      fixed.push_back(
          node->kind().toQualString() +
          std::string(IsFixedDevice(*input->node()) ? " stays" : " moves"));
    }
  }
  EXPECT_THAT(fixed, ElementsAre("aten::zeros moves", "aten::to stays"));
}

}  // namespace
}  // namespace ferry::host_inputs_test
