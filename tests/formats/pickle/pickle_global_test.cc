// Every name that torch.jit.save writes into a pickle has its meaning here, and
// nothing else has one. pickle_check_test.cc tries the refused ones.

#include "server/formats/pickle/pickle_global.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::pickle_global_test {
namespace {

TEST(PickleGlobalTest, KnowsTheSizeOfEachElementType) {
  const std::vector<std::pair<std::string, int64_t>> types = {
      {"BoolStorage", 1},     {"ByteStorage", 1},          {"HalfStorage", 2},
      {"BFloat16Storage", 2}, {"FloatStorage", 4},         {"LongStorage", 8},
      {"QInt32Storage", 4},   {"ComplexDoubleStorage", 16}};
  for (const auto& [name, size] : types) {
    const auto value = FindPickleGlobal("torch", name);
    ASSERT_THAT(value, IsOk());
    EXPECT_EQ(value->kind, PickleKind::kScalarType);
    EXPECT_EQ(value->number, size) << name;
  }
}

TEST(PickleGlobalTest, ClassesAreThoseOfTheModelsOwnCode) {
  const auto value = FindPickleGlobal("__torch__.a.___torch_mangle_0", "Net");
  ASSERT_THAT(value, IsOk());
  EXPECT_EQ(value->kind, PickleKind::kCallable);
  EXPECT_EQ(value->number, static_cast<int64_t>(PickleCallable::kClass));
  EXPECT_FALSE(FindPickleGlobal("__torch__evil", "Net").ok());
}

}  // namespace
}  // namespace ferry::pickle_global_test
