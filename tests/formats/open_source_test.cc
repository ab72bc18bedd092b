// Which reader opens a file.

#include "server/formats/open_source.h"

#include <gtest/gtest.h>

#include "server/formats/torchscript/torchscript_archive.h"
#include "tests/formats/test_model.h"
#include "tests/support/status_matchers.h"

namespace ferry::open_source_test {
namespace {

TEST(OpenSourceTest, AnArchiveOfTorchScriptIsAllThatItIs) {
  const auto source =
      OpenSource(MemoryFile(ModelBytes(ModelRecords())), "models/m.pt");
  ASSERT_THAT(source, IsOk());
  EXPECT_NE(dynamic_cast<const TorchScriptArchive*>(source->get()), nullptr);
  EXPECT_EQ((*source)->layout().records.size(), 3u);
  ASSERT_EQ((*source)->files().size(), 1u);
  EXPECT_EQ((*source)->files()[0].path, "models/m.pt");
}

TEST(OpenSourceTest, WhatNoReaderTakesIsRefusedByItsPath) {
  const auto source = OpenSource(MemoryFile("weights"), "models/m.bin");
  EXPECT_THAT(source, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(source.status().message()),
              testing::HasSubstr("models/m.bin: "));
}

}  // namespace
}  // namespace ferry::open_source_test
