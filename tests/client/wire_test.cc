// What a server must not send, and what an older client makes of a newer one.
// That values survive the way is client_test.

#include "client/wire.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::client::wire_test {
namespace {

TEST(WireTest, RefusesTensorsThatDoNotAddUp) {
  v1::Value message;
  v1::Tensor& tensor = *message.mutable_tensor();
  tensor.set_dtype(v1::DATA_TYPE_FLOAT32);
  tensor.add_shape(2);
  tensor.set_data(std::string(7, 'x'));
  EXPECT_THAT(FromWire(message), StatusIs(absl::StatusCode::kInternal));
  tensor.set_data(std::string(8, 'x'));
  EXPECT_THAT(FromWire(message), IsOk());
  tensor.set_data(std::string(8, 'x'));
  tensor.set_dtype(static_cast<v1::DataType>(99));
  EXPECT_THAT(FromWire(message), StatusIs(absl::StatusCode::kInternal));
  tensor.set_dtype(v1::DATA_TYPE_UNSPECIFIED);
  EXPECT_THAT(FromWire(message), StatusIs(absl::StatusCode::kInternal));
}

TEST(WireTest, RefusesAValueOfNoKindAndTuplesWithOtherNames) {
  v1::Value message;
  EXPECT_THAT(FromWire(message), StatusIs(absl::StatusCode::kInternal));
  message.mutable_tuple()->add_names(std::string("a"));
  EXPECT_THAT(FromWire(message), StatusIs(absl::StatusCode::kInternal));
}

TEST(WireTest, AStateFromTheFutureIsUnspecified) {
  v1::Model message;
  message.set_state(static_cast<v1::ModelState>(77));
  const Model model = FromWire(message);
  EXPECT_EQ(model.state, "UNSPECIFIED");
  EXPECT_FALSE(model.loaded_at.has_value());
  EXPECT_FALSE(model.move.has_value());
}

}  // namespace
}  // namespace ferry::client::wire_test
