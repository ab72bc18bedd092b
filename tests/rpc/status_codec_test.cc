// Statuses over gRPC: every code there and back, and what happens to sentences
// that are too long for a trailer.

#include "server/rpc/status_codec.h"

#include <string>

#include <gtest/gtest.h>

#include "server/base/utf8.h"
#include "tests/support/status_matchers.h"

namespace ferry::status_codec_test {
namespace {

TEST(StatusCodecTest, KeepsEveryCodeAndItsSentence) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "because");
    const grpc::Status wire = ToGrpc(status);
    EXPECT_EQ(wire.error_code(), code);
    EXPECT_EQ(wire.error_message(), "because");
    EXPECT_EQ(FromGrpc(wire), status);
  }
}

TEST(StatusCodecTest, OkIsOk) {
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
  EXPECT_THAT(FromGrpc(grpc::Status::OK), IsOk());
}

TEST(StatusCodecTest, KeepsASentenceOfTheGreatestLength) {
  const std::string longest(kStatusMessageBytesMax, 'x');
  EXPECT_EQ(ToGrpc(absl::InternalError(longest)).error_message(), longest);
}

TEST(StatusCodecTest, CutsALongerSentenceAndSaysSo) {
  const std::string longer(kStatusMessageBytesMax + 1, 'x');
  const std::string cut = ToGrpc(absl::InternalError(longer)).error_message();
  EXPECT_EQ(cut.size(), kStatusMessageBytesMax);
  EXPECT_TRUE(cut.starts_with("xxx"));
  EXPECT_TRUE(cut.ends_with("x... (cut)"));
}

TEST(StatusCodecTest, CutsBetweenCharacters) {
  // Wherever the cut falls, it falls into a character of four bytes.
  for (int shift = 0; shift < 4; ++shift) {
    std::string message(static_cast<size_t>(shift), 'x');
    for (size_t i = 0; i < kStatusMessageBytesMax; ++i) message += "\U0001F6A2";
    const std::string cut =
        ToGrpc(absl::InternalError(message)).error_message();
    EXPECT_TRUE(IsUtf8(cut));
    EXPECT_LE(cut.size(), kStatusMessageBytesMax);
    EXPECT_GE(cut.size() + 4, kStatusMessageBytesMax);
  }
}

}  // namespace
}  // namespace ferry::status_codec_test
