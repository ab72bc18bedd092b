// Storages in an image, beside it, and those that are to be private.

#include "server/executors/torchscript/storage_map.h"

#include <cstring>

#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "tests/executors/model_file.h"

namespace ferry::storage_map_test {
namespace {

class StorageMapTest : public ::testing::Test {
 protected:
  StorageMapTest() {
    std::vector<std::byte> bytes(4096);
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::byte(i % 251);
    for (WeightSet* set : {cpu_.get(), sim_.get()}) {
      EXPECT_TRUE(set->device().CopyIn(set->data(), bytes).ok());
    }
  }

  std::unique_ptr<WeightSet> Take(Arena& arena, Device& device) {
    return std::make_unique<WeightSet>(device, *arena.Take(4096), 4096);
  }
  c10::Storage At(uint64_t offset_bytes, size_t size_bytes) {
    return {c10::Storage::use_byte_size_t(), size_bytes,
            c10::DataPtr(range_.data() + offset_bytes, c10::kCPU), nullptr,
            false};
  }

  const c10::InferenceMode inference_;
  Devices devices_;
  const std::unique_ptr<Arena> cpu_arena_ = *Arena::Create(devices_.cpu, 16384);
  const std::unique_ptr<Arena> sim_arena_ =
      *Arena::Create(*devices_.sim0, 16384);
  const std::unique_ptr<WeightSet> cpu_ = Take(*cpu_arena_, devices_.cpu);
  const std::unique_ptr<WeightSet> sim_ = Take(*sim_arena_, *devices_.sim0);
  const ImageRange range_ = *ImageRange::Reserve(4096);
};

TEST_F(StorageMapTest, AStorageInTheImageIsAViewOfTheLease) {
  StorageMap map(range_, *sim_);
  const c10::Storage original = At(128, 64);
  const c10::Storage view = map.Map(original);
  EXPECT_EQ(view.data(), sim_->data() + 128);
  EXPECT_EQ(view.nbytes(), 64u);
  EXPECT_EQ(view.device(), c10::Device(c10::kPrivateUse1, 0));
  EXPECT_FALSE(view.resizable());
  // Tied weights stay tied.
  EXPECT_EQ(map.Map(original).unsafeGetStorageImpl(),
            view.unsafeGetStorageImpl());
}

TEST_F(StorageMapTest, AWrittenStorageIsACopyInTheState) {
  StateLayout layout;
  layout.Add(256, 5);
  layout.Add(128, 64);
  layout.Add(128, 64);  // Shared: once.
  EXPECT_EQ(layout.size_bytes, 128u);
  const auto state = Take(*cpu_arena_, devices_.cpu);
  StorageMap map(range_, *cpu_);
  map.CopyWritten(layout, *state);
  const c10::Storage copy = map.Map(At(128, 64));
  EXPECT_EQ(copy.data(), state->data() + 64);
  EXPECT_FALSE(copy.resizable());
  EXPECT_EQ(std::memcmp(copy.data(), cpu_->data() + 128, 64), 0);
  EXPECT_EQ(map.Map(At(64, 64)).data(), cpu_->data() + 64);
}

TEST_F(StorageMapTest, AnotherInstancesStateIsCopiedToTheSamePlace) {
  const auto former = Take(*cpu_arena_, devices_.cpu);
  const auto state = Take(*sim_arena_, *devices_.sim0);
  std::memset(former->data(), 7, 4096);
  StorageMap map(range_, *sim_);
  map.CopyState(*former, *state);
  const c10::Storage copy =
      map.Map({c10::Storage::use_byte_size_t(), 16,
               c10::DataPtr(former->data() + 64, c10::kCPU), nullptr, false});
  EXPECT_EQ(copy.data(), state->data() + 64);
  EXPECT_EQ(std::memcmp(devices_.sim0->Window(state->data() + 64),
                        former->data(), 16),
            0);
  EXPECT_EQ(map.Map(At(64, 64)).data(), sim_->data() + 64);
}

TEST_F(StorageMapTest, AStorageFromElsewhereIsCopiedToTheDevice) {
  StorageMap map(range_, *sim_);
  const at::Tensor made = at::arange(4, at::kFloat);
  const c10::Storage copy = map.Map(made.storage());
  EXPECT_EQ(copy.device(), c10::Device(c10::kPrivateUse1, 0));
  EXPECT_TRUE(devices_.sim0->Holds(copy.data()));
  EXPECT_EQ(std::memcmp(devices_.sim0->Window(
                            static_cast<const std::byte*>(copy.data())),
                        made.const_data_ptr(), 16),
            0);
}

TEST_F(StorageMapTest, AStorageWithoutBytesIsOneThereToo) {
  StorageMap map(range_, *sim_);
  EXPECT_EQ(map.Map(at::empty({0}).storage()).nbytes(), 0u);
}

}  // namespace
}  // namespace ferry::storage_map_test
