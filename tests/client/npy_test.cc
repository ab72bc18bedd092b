// .npy files: written ones read back, headers as NumPy writes them, and files
// that are none.

#include "client/ctl/npy.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::client::npy_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string File(const std::string& header, const std::string& data,
                 char version = 1) {
  std::string file = "\x93NUMPY";
  file += version;
  file += '\0';
  file += static_cast<char>(header.size() & 0xff);
  file += static_cast<char>(header.size() >> 8);
  if (version == 2) file += std::string(2, '\0');
  return file + header + data;
}

std::string Error(const std::string& file) {
  const auto tensor = ParseNpy(file, "x.npy");
  EXPECT_THAT(tensor, StatusIs(absl::StatusCode::kInvalidArgument));
  return std::string(tensor.status().message());
}

TEST(NpyTest, ReadsWhatNumpyWrites) {
  const auto tensor = ParseNpy(
      File(
          "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }      \n",
          "abcdefgh"),
      "x.npy");
  ASSERT_THAT(tensor, IsOk());
  EXPECT_EQ(tensor->dtype, DType::kFloat32);
  EXPECT_THAT(tensor->shape, ElementsAre(2, 1));
  EXPECT_EQ(tensor->data, "abcdefgh");
}

TEST(NpyTest, ReadsVersionTwoOtherOrdersAndScalars) {
  const auto scalar = ParseNpy(
      File("{\"shape\": (), 'fortran_order':True, 'descr':'|u1'}", "x", 2),
      "x.npy");
  ASSERT_THAT(scalar, IsOk());
  EXPECT_EQ(scalar->dtype, DType::kUint8);
  EXPECT_THAT(scalar->shape, IsEmpty());
  // In one dimension, Fortran's order is C's.
  EXPECT_THAT(ParseNpy(File("{'descr': '<i2', 'fortran_order': True, "
                            "'shape': (1,), }",
                            "ab"),
                       "x.npy"),
              IsOk());
}

TEST(NpyTest, WrittenFilesReadBack) {
  for (int i = 0; i <= static_cast<int>(DType::kComplex128); ++i) {
    const auto dtype = static_cast<DType>(i);
    if (dtype == DType::kBfloat16) continue;
    for (const std::vector<int64_t>& shape :
         {std::vector<int64_t>{}, {3}, {2, 0}, {2, 3, 4}}) {
      const Tensor tensor{dtype, shape,
                          std::string(*TensorBytes(dtype, shape), 'x')};
      const auto file = FormatNpy(tensor);
      ASSERT_THAT(file, IsOk());
      EXPECT_EQ((file->size() - tensor.data.size()) % 64, 0);
      EXPECT_EQ(*ParseNpy(*file, "x.npy"), tensor);
    }
  }
}

TEST(NpyTest, Bfloat16CannotBeWritten) {
  const auto file = FormatNpy({DType::kBfloat16, {1}, "ab"});
  EXPECT_THAT(file, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(file.status().message()), HasSubstr("JSON"));
}

TEST(NpyTest, RefusesWhatATensorCannotHold) {
  EXPECT_THAT(Error(File("{'descr': '<f4', 'fortran_order': True, "
                         "'shape': (1, 1), }",
                         "abcd")),
              HasSubstr("x.npy: Fortran order: save it in C order"));
  EXPECT_THAT(Error(File("{'descr': '>f4', 'fortran_order': False, "
                         "'shape': (1,), }",
                         "abcd")),
              HasSubstr("big-endian"));
  for (const std::string descr : {"|O", "<U3", "<f16", "", "<V2", "<M8[ns]"}) {
    EXPECT_THAT(Error(File("{'descr': '" + descr +
                               "', 'fortran_order': False, 'shape': (1,), }",
                           "abcd")),
                HasSubstr("not one that a tensor has"));
  }
}

TEST(NpyTest, RefusesFilesThatDoNotAddUp) {
  const std::string header =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
  EXPECT_THAT(Error(File(header, "abcdefg")), HasSubstr("has 7 bytes of data"));
  EXPECT_THAT(Error(File(header, "abcdefghi")), HasSubstr("tells of 8"));
  EXPECT_THAT(Error(File("{'descr': '<f4', 'fortran_order': False, 'shape': "
                         "(9223372036854775807, 9), }",
                         "")),
              HasSubstr("x.npy: "));
  for (const std::string bad :
       {"", "{", "{}", "{'descr': '<f4'}", "[]", "{'descr' '<f4'}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}"}) {
    EXPECT_THAT(Error(File(bad, "abcd")), HasSubstr("cannot be read")) << bad;
  }
}

TEST(NpyTest, RefusesWhatIsNotNpyAndEveryTruncation) {
  EXPECT_THAT(Error(""), HasSubstr("not a .npy file"));
  EXPECT_THAT(Error("PK\3\4 a zip archive"), HasSubstr("not a .npy file"));
  EXPECT_THAT(Error(File("{}", "", 3)), HasSubstr("version 1 or 2"));
  const std::string whole = *FormatNpy({DType::kFloat32, {2}, "abcdefgh"});
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(ParseNpy(whole.substr(0, size), "x.npy"),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

}  // namespace
}  // namespace ferry::client::npy_test
