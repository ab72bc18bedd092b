// The pure half of the zip reader, on the bytes that an archive ends with. What
// needs a file around it is in zip_archive_test.cc.

#include "server/formats/zip/zip_directory.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/support/zip_writer.h"

namespace ferry::zip_directory_test {
namespace {

using absl::StatusCode::kInvalidArgument;

std::string_view Tail(std::string_view bytes) {
  return bytes.substr(bytes.size() -
                      std::min<size_t>(bytes.size(), kZipTailSize));
}

TEST(ZipDirectoryTest, FindsTheDirectoryBeforeTheEndRecords) {
  for (const bool zip64 : {false, true}) {
    const std::string bytes =
        ZipWriter().Add("a", "b").Add("c", "d").Finish({.zip64 = zip64});
    const auto place = FindZipDirectory(Tail(bytes), bytes.size());
    ASSERT_THAT(place, IsOk());
    EXPECT_EQ(place->records, 2);
    EXPECT_EQ(bytes.substr(place->offset_bytes, 4), "PK\1\2");
    EXPECT_THAT(ParseZipDirectory(std::string_view(bytes).substr(
                                      place->offset_bytes, place->size_bytes),
                                  place->records),
                IsOk());
  }
}

TEST(ZipDirectoryTest, TakesOffsetsAbove4GiBFromTheZip64Field) {
  const std::string bytes = ZipWriter()
                                .Add("a", "b",
                                     {.zip64 = true,
                                      .size_bytes = 0x123456789,
                                      .stored_size_bytes = 0x123456789,
                                      .header_offset_bytes = 0xabcdef012345})
                                .Finish();
  const auto place = FindZipDirectory(Tail(bytes), bytes.size());
  ASSERT_THAT(place, IsOk());
  const auto entries = ParseZipDirectory(
      std::string_view(bytes).substr(place->offset_bytes, place->size_bytes),
      place->records);
  ASSERT_THAT(entries, IsOk());
  EXPECT_EQ(entries->front().size_bytes, 0x123456789);
  EXPECT_EQ(entries->front().header_offset_bytes, 0xabcdef012345);
}

TEST(ZipDirectoryTest, SurvivesAnyByteAnywhere) {
  const std::string bytes =
      ZipWriter().Add("a", "b", {.zip64 = true}).Add("c", "d").Finish();
  const auto place = FindZipDirectory(Tail(bytes), bytes.size());
  ASSERT_THAT(place, IsOk());
  for (size_t at = place->offset_bytes; at < bytes.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string bad = bytes;
      bad[at] = static_cast<char>(byte);
      const auto found = FindZipDirectory(Tail(bad), bad.size());
      if (!found.ok()) continue;
      // Whatever it says, it returns.
      (void)ParseZipDirectory(
          std::string_view(bad).substr(found->offset_bytes, found->size_bytes),
          found->records);
    }
  }
}

TEST(ZipDirectoryTest, RefusesLessThanAnEndRecord) {
  EXPECT_THAT(FindZipDirectory("PK\5\6", 4), StatusIs(kInvalidArgument));
}

}  // namespace
}  // namespace ferry::zip_directory_test
