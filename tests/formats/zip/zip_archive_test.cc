// Archives from memory, honest ones first, then one lie at a time: each must be
// refused, because another reader could believe it.

#include "server/formats/zip/zip_archive.h"

#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/support/pipe.h"
#include "tests/support/status_matchers.h"
#include "tests/support/zip_writer.h"

namespace ferry::zip_archive_test {
namespace {

using absl::StatusCode::kDataLoss;
using absl::StatusCode::kInvalidArgument;
using absl::StatusCode::kNotFound;

absl::StatusOr<std::unique_ptr<ZipArchive>> Open(std::string_view bytes) {
  return ZipArchive::Open(MemoryFile(bytes), "models/a.pt");
}

// An archive with one honest record beside one that lies.
absl::StatusOr<std::unique_ptr<ZipArchive>> OpenLie(const ZipLies& lies) {
  return Open(
      ZipWriter().Add("b", "honest").Add("a", "twelve bytes", lies).Finish());
}

absl::StatusOr<std::unique_ptr<ZipArchive>> OpenLie(const ZipEndLies& lies) {
  return Open(ZipWriter().Add("a", "twelve bytes").Finish(lies));
}

// What was refused, and that the sentence says which file and which record.
void ExpectRefused(const absl::StatusOr<std::unique_ptr<ZipArchive>>& zip,
                   const std::string& words) {
  EXPECT_THAT(zip, StatusIs(kInvalidArgument));
  EXPECT_THAT(zip.status().ToString(), testing::HasSubstr("models/a.pt: "));
  EXPECT_THAT(zip.status().ToString(), testing::HasSubstr(words));
}

TEST(ZipArchiveTest, ReadsWhatPyTorchWrites) {
  const auto zip =
      Open(ZipWriter("top")
               .Add("data/0", std::string(1000, 'w'))
               .Add("data.pkl", "pickle")
               .Add("code/a.py", std::string(5000, 'x'), {.deflated = true})
               .Add("empty", "")
               .Finish());
  ASSERT_THAT(zip, IsOk());
  ASSERT_EQ((*zip)->records().size(), 4);
  EXPECT_EQ((*zip)->records()[0].name, "code/a.py");
  const ZipRecord* const weights = (*zip)->Find("data/0");
  ASSERT_NE(weights, nullptr);
  EXPECT_EQ(weights->size_bytes, 1000);
  EXPECT_EQ(weights->file_offset_bytes % 64, 0);
  EXPECT_FALSE(weights->deflated);
  EXPECT_EQ(*(*zip)->Read("data/0", 1000), std::string(1000, 'w'));
  EXPECT_EQ(*(*zip)->Read("code/a.py", 5000), std::string(5000, 'x'));
  EXPECT_EQ(*(*zip)->Read("empty", 0), "");
  EXPECT_EQ((*zip)->Find("top/data.pkl"), nullptr);
}

TEST(ZipArchiveTest, ReadsArchivesWithAndWithoutZip64) {
  EXPECT_THAT(OpenLie(ZipEndLies{.zip64 = false}), IsOk());
  EXPECT_THAT(OpenLie(ZipEndLies{.zip64 = true}), IsOk());
  EXPECT_THAT(OpenLie(ZipLies{.zip64 = true}), IsOk());
}

TEST(ZipArchiveTest, ReadsRecordsWhoseSizesFollowTheirData) {
  constexpr uint16_t kSizesFollow = 1 << 3;
  const auto zip = OpenLie(
      ZipLies{.local_crc32 = 0, .local_size_bytes = 0, .flags = kSizesFollow});
  ASSERT_THAT(zip, IsOk());
  EXPECT_EQ(*(*zip)->Read("a", 12), "twelve bytes");
}

TEST(ZipArchiveTest, ReadsNoMoreThanItIsAllowed) {
  const auto zip = OpenLie(ZipLies{});
  ASSERT_THAT(zip, IsOk());
  EXPECT_THAT((*zip)->Read("a", 11), StatusIs(kInvalidArgument));
  EXPECT_THAT((*zip)->Read("c", 11), StatusIs(kNotFound));
}

TEST(ZipArchiveTest, RefusesABombBeforeItInflates) {
  const auto zip =
      Open(ZipWriter()
               .Add("bomb", std::string(10'000'000, '\0'), {.deflated = true})
               .Finish());
  ASSERT_THAT(zip, IsOk());
  EXPECT_THAT((*zip)->Read("bomb", 9'999'999), StatusIs(kInvalidArgument));
}

TEST(ZipArchiveTest, FindsWrongChecksums) {
  const auto zip = OpenLie(ZipLies{.crc32 = 1});
  ASSERT_THAT(zip, IsOk());
  const auto read = (*zip)->Read("a", 12);
  EXPECT_THAT(read, StatusIs(kDataLoss));
  EXPECT_THAT(read.status().ToString(), testing::HasSubstr("record \"a\""));
}

TEST(ZipArchiveTest, FindsDeflatedBytesThatInflateToSomethingElse) {
  for (const uint64_t size : {11, 13}) {
    const auto zip = OpenLie(ZipLies{.deflated = true, .size_bytes = size});
    ASSERT_THAT(zip, IsOk());
    EXPECT_THAT((*zip)->Read("a", 100), StatusIs(kDataLoss));
  }
}

TEST(ZipArchiveTest, FindsAFileThatShrank) {
  UniqueFd file = MemoryFile(ZipWriter().Add("a", "twelve bytes").Finish());
  UniqueFd other(::dup(file.get()));
  const auto zip = ZipArchive::Open(std::move(file), "models/a.pt");
  ASSERT_THAT(zip, IsOk());
  ASSERT_EQ(::ftruncate(other.get(), 70), 0);
  EXPECT_THAT((*zip)->Read("a", 12), StatusIs(kDataLoss));
}

TEST(ZipArchiveTest, RefusesAnEmptyFile) { ExpectRefused(Open(""), "empty"); }

TEST(ZipArchiveTest, RefusesWhatIsNotAnArchive) {
  ExpectRefused(Open("hello"), "no zip end record");
  ExpectRefused(Open(std::string(10'000, 'x')), "no zip end record");
  ExpectRefused(Open("PK\3\4" + std::string(100, '\0')), "no zip end record");
}

TEST(ZipArchiveTest, RefusesWhatIsNotARegularFile) {
  Pipe pipe;
  ExpectRefused(ZipArchive::Open(std::move(pipe.reader), "models/a.pt"),
                "not a regular file");
}

TEST(ZipArchiveTest, RefusesEveryTruncation) {
  const std::string whole = ZipWriter().Add("a", "twelve bytes").Finish();
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(Open(whole.substr(0, size)), StatusIs(kInvalidArgument))
        << size;
  }
}

TEST(ZipArchiveTest, RefusesBytesBehindTheArchive) {
  ExpectRefused(Open(ZipWriter().Add("a", "b").Finish() + "more"),
                "no zip end record");
  ExpectRefused(OpenLie(ZipEndLies{.comment = "a comment"}),
                "no zip end record");
}

TEST(ZipArchiveTest, RefusesAnArchiveWithoutRecords) {
  ExpectRefused(Open(ZipWriter().Finish()), "without records");
}

TEST(ZipArchiveTest, RefusesABrokenZip64EndRecord) {
  ExpectRefused(OpenLie(ZipEndLies{.locator_offset_bytes = 0}),
                "zip64 end record should be at");
  std::string bytes = ZipWriter().Add("a", "b").Finish();
  bytes[bytes.size() - 22 - 20 - 56] = 'Q';
  ExpectRefused(Open(bytes), "zip64 end record at byte");
}

TEST(ZipArchiveTest, RefusesEndRecordsThatDisagree) {
  std::string bytes = ZipWriter().Add("a", "b").Finish();
  // The narrow record counts two records now.
  bytes[bytes.size() - 22 + 8] = 2;
  bytes[bytes.size() - 22 + 10] = 2;
  ExpectRefused(Open(bytes), "disagree");
}

TEST(ZipArchiveTest, RefusesADirectoryThatIsNotWhereItShouldBe) {
  for (const int64_t shift : {-4, 4}) {
    for (const bool zip64 : {false, true}) {
      ExpectRefused(
          OpenLie(ZipEndLies{.zip64 = zip64, .directory_shift_bytes = shift}),
          "should end where the end record begins");
    }
  }
}

TEST(ZipArchiveTest, RefusesADirectoryThatIsTooLarge) {
  ExpectRefused(OpenLie(ZipEndLies{.records = 1'000'000}), "1000000 records");
  ExpectRefused(OpenLie(ZipEndLies{.directory_size_bytes = uint64_t{1} << 40}),
                "directory has 1099511627776 bytes");
}

TEST(ZipArchiveTest, RefusesACountThatIsNotTheDirectorys) {
  ExpectRefused(OpenLie(ZipEndLies{.records = 2}), "cannot hold 2 records");
  ExpectRefused(
      Open(ZipWriter().Add("a", "b").Add("c", "d").Finish({.records = 1})),
      "bytes behind its last entry");
  ExpectRefused(
      OpenLie(ZipEndLies{.records = 2, .directory_tail = std::string(60, 'x')}),
      "entry 1");
}

TEST(ZipArchiveTest, RefusesOnePartOfASplitArchive) {
  ExpectRefused(OpenLie(ZipEndLies{.zip64 = false, .disk = 1}), "split");
  ExpectRefused(OpenLie(ZipEndLies{.zip64 = true, .disk = 1}), "split");
  ExpectRefused(OpenLie(ZipLies{.disk = 1}), "split");
}

TEST(ZipArchiveTest, RefusesEncryptedRecords) {
  ExpectRefused(OpenLie(ZipLies{.flags = 1}), "encrypted");
  ExpectRefused(OpenLie(ZipLies{.flags = 1 << 6}), "encrypted");
  ExpectRefused(OpenLie(ZipLies{.flags = 1 << 5}), "flags");
}

TEST(ZipArchiveTest, RefusesOtherWaysToCompress) {
  ExpectRefused(OpenLie(ZipLies{.method = 12}), "method 12");
}

TEST(ZipArchiveTest, RefusesRecordNamesThatCouldLeaveTheFolder) {
  for (const std::string& name :
       {std::string("../evil"), std::string("a/../../evil"),
        std::string("/etc/evil"), std::string("a/./b"), std::string("a//b"),
        std::string("a\\..\\evil"), std::string("a\0b", 3), std::string("a/"),
        std::string(""), std::string(2000, 'n')}) {
    ExpectRefused(Open(ZipWriter().Add(name, "x").Finish()), "record name");
  }
  ExpectRefused(Open(ZipWriter().AddWhole("evil", "x").Finish()),
                "not in the archive's top folder");
}

TEST(ZipArchiveTest, RefusesTwoTopFolders) {
  ExpectRefused(
      Open(ZipWriter().Add("a", "x").AddWhole("other/b", "x").Finish()),
      "different top folders");
}

TEST(ZipArchiveTest, RefusesTwoRecordsOfOneName) {
  ExpectRefused(Open(ZipWriter().Add("a", "x").Add("a", "y").Finish()),
                "two records are called \"a\"");
}

TEST(ZipArchiveTest, RefusesRecordsThatOverlap) {
  // The second one's header lies inside the first one's bytes.
  ZipWriter inner("archive");
  inner.Add("b", "inner bytes");
  ZipWriter writer("archive");
  const std::string inside = inner.Finish().substr(0, 128);
  writer.Add("a", inside);
  ExpectRefused(
      Open(
          writer.Add("b", "inner bytes", {.header_offset_bytes = 64}).Finish()),
      "overlap");
}

TEST(ZipArchiveTest, RefusesTwoRecordsInOnePlace) {
  ExpectRefused(
      Open(ZipWriter()
               .Add("a", "twelve bytes")
               .Add("b", "twelve bytes",
                    {.header_offset_bytes = 0, .local_name = "archive/b"})
               .Finish()),
      "names another record");
}

TEST(ZipArchiveTest, RefusesRecordsBeyondTheFile) {
  ExpectRefused(OpenLie(ZipLies{.header_offset_bytes = 0x7fffffff}),
                "lies outside");
  ExpectRefused(OpenLie(ZipLies{.zip64 = true,
                                .header_offset_bytes = 0xfffffffffffffff0}),
                "lies outside");
  ExpectRefused(OpenLie(ZipLies{.size_bytes = 4000, .stored_size_bytes = 4000}),
                "lies outside");
  ExpectRefused(OpenLie(ZipLies{.zip64 = true,
                                .size_bytes = 0xfffffffffffffff0,
                                .stored_size_bytes = 0xfffffffffffffff0}),
                "lies outside");
}

TEST(ZipArchiveTest, RefusesSizesThatDisagree) {
  ExpectRefused(OpenLie(ZipLies{.directory_size_bytes = 11}), "12 bytes");
  ExpectRefused(OpenLie(ZipLies{.local_size_bytes = 11}), "local header");
  ExpectRefused(OpenLie(ZipLies{.size_bytes = 11}), "is stored, yet has");
}

TEST(ZipArchiveTest, RefusesLocalHeadersThatDisagree) {
  ExpectRefused(OpenLie(ZipLies{.local_crc32 = 1}), "local header");
  ExpectRefused(OpenLie(ZipLies{.local_name = "archive/c"}),
                "names another record");
  ExpectRefused(OpenLie(ZipLies{.local_flags = 1 << 3}), "local header");
  ExpectRefused(OpenLie(ZipLies{.header_offset_bytes = 1}),
                "no local header at byte 1");
}

TEST(ZipArchiveTest, RefusesBrokenExtraFields) {
  ExpectRefused(OpenLie(ZipLies{.directory_extra = "xyz"}), "extra field");
  ExpectRefused(
      OpenLie(ZipLies{.directory_extra = std::string("\2\0\x09\0", 4)}),
      "extra field");
  // Saturated, and nothing to say what it really is.
  ExpectRefused(OpenLie(ZipLies{.size_bytes = 0xffffffff}), "no zip64 field");
  ExpectRefused(
      OpenLie(ZipLies{.size_bytes = 0xffffffff,
                      .directory_extra = std::string("\1\0\4\0abcd", 8)}),
      "too short");
}

}  // namespace
}  // namespace ferry::zip_archive_test
