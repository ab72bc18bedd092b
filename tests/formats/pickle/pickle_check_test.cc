// Each test puts a pickle together from parts and says whether LibTorch may
// have it. The ordinary ones are what torch.jit.save writes; the others are one
// step away from it, where LibTorch's unpickler reads memory that is not there.

#include "server/formats/pickle/pickle_check.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/formats/pickle_text.h"
#include "tests/support/status_matchers.h"

namespace ferry::pickle_check_test {
namespace {

using absl::StatusCode::kInvalidArgument;
using absl::StatusCode::kUnimplemented;

// One storage, "0", of 24 bytes: six floats.
std::optional<uint64_t> SixFloats(std::string_view key) {
  if (key != "0") return std::nullopt;
  return 24;
}

absl::Status Check(const std::string& value, const PickleLimits& limits = {}) {
  return CheckPickle(pickle::Whole(value), SixFloats, limits);
}

std::string Repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(PickleCheckTest, AcceptsAModuleWithEveryKindOfAttribute) {
  const std::string list = "torch.jit._pickle";
  EXPECT_THAT(
      Check(pickle::Object(
          "Model",
          pickle::Dict(
              {pickle::Str("weight"), pickle::Tensor(), pickle::Str("none"),
               "N", pickle::Str("ints"),
               pickle::Call(pickle::Global(list, "build_intlist"),
                            {pickle::List({"K\7", "M\1\1", "J\1\1\1\xff"})}),
               pickle::Str("floats"),
               pickle::Call(pickle::Global(list, "build_doublelist"),
                            {pickle::List({pickle::kFloat})}),
               pickle::Str("complex"),
               pickle::Global("builtins", "complex") + pickle::kFloat +
                   pickle::kFloat + "\x86R",
               pickle::Str("device"),
               pickle::Global("torch", "device") + pickle::Str("cpu") + "\x85R",
               pickle::Str("nested"),
               pickle::Call(
                   pickle::Global(list, "restore_type_tag"),
                   {pickle::List({pickle::List({}), pickle::List({})}),
                    pickle::Str("List[List[Dict[str, __torch__.a.B]]]")}),
               pickle::Str("child"),
               pickle::Object("Child", pickle::Dict({}))}))),
      IsOk());
}

TEST(PickleCheckTest, AcceptsTheMemo) {
  EXPECT_THAT(
      Check(pickle::List({pickle::Str("a") + std::string("q\0", 2),
                          std::string("h\0", 2), std::string("j\0\0\0\0", 5)})),
      IsOk());
}

TEST(PickleCheckTest, AcceptsTensorsThatFillTheirStorageInAnyWay) {
  const auto tensor = [](int64_t offset, std::vector<int64_t> sizes,
                         std::vector<int64_t> strides) {
    return Check(pickle::Tensor(
        {.storage = {}, .offset = offset, .sizes = sizes, .strides = strides}));
  };
  EXPECT_THAT(tensor(0, {3, 2}, {1, 3}), IsOk());
  EXPECT_THAT(tensor(5, {}, {}), IsOk());
  EXPECT_THAT(tensor(0, {1000, 6}, {0, 1}), IsOk());
  EXPECT_THAT(tensor(6, {0, 9}, {9, 1}), IsOk());
  EXPECT_THAT(tensor(5, {1}, {1'000'000}), IsOk());
}

TEST(PickleCheckTest, RefusesTensorsThatReachPastTheirStorage) {
  const auto tensor = [](int64_t offset, std::vector<int64_t> sizes,
                         std::vector<int64_t> strides) {
    return Check(pickle::Tensor(
        {.storage = {}, .offset = offset, .sizes = sizes, .strides = strides}));
  };
  const auto refused = StatusIs(kInvalidArgument);
  EXPECT_THAT(tensor(1, {2, 3}, {3, 1}), refused);
  EXPECT_THAT(tensor(-1, {2, 3}, {3, 1}), refused);
  EXPECT_THAT(tensor(0, {2, 3}, {1'000'000, 1}), refused);
  EXPECT_THAT(tensor(5, {2, 3}, {-3, -1}), refused);
  EXPECT_THAT(tensor(0, {-2, -3}, {3, 1}), refused);
  EXPECT_THAT(tensor(0, {2, 3}, {3}), refused);
  EXPECT_THAT(tensor(7, {0}, {1}), refused);
  EXPECT_THAT(tensor(6, {}, {}), refused);
  // These overflow 64 bits on the way.
  EXPECT_THAT(tensor(0, {3, 3}, {int64_t{1} << 62, int64_t{1} << 62}), refused);
  EXPECT_THAT(tensor(0, {int64_t{1} << 32, int64_t{1} << 32}, {0, 0}), refused);
  EXPECT_THAT(tensor(INT64_MAX, {2}, {1}), refused);
}

TEST(PickleCheckTest, RefusesTensorsOfMoreDimensionsThanAllowed) {
  const std::vector<int64_t> ones(65, 1);
  EXPECT_THAT(
      Check(pickle::Tensor(
          {.storage = {}, .offset = 0, .sizes = ones, .strides = ones})),
      StatusIs(kInvalidArgument));
}

TEST(PickleCheckTest, RefusesStoragesThatTheirRecordDoesNotHold) {
  const auto refused = StatusIs(kInvalidArgument);
  EXPECT_THAT(Check(pickle::Storage()), IsOk());
  EXPECT_THAT(Check(pickle::Storage({.elements = 7})), refused);
  EXPECT_THAT(Check(pickle::Storage({.elements = -1})), refused);
  EXPECT_THAT(Check(pickle::Storage({.elements = int64_t{1} << 62})), refused);
  EXPECT_THAT(Check(pickle::Storage({.type = "DoubleStorage"})), refused);
  EXPECT_THAT(Check(pickle::Storage({.key = "1"})), refused);
  EXPECT_THAT(Check(pickle::Storage({.key = "1", .elements = 0})), IsOk());
  EXPECT_THAT(Check(pickle::Tuple({pickle::Int(1)}) + "Q"), refused);
  EXPECT_THAT(Check(pickle::Int(1) + "Q"), refused);
}

TEST(PickleCheckTest, RefusesOneStorageOfTwoSizes) {
  EXPECT_THAT(Check(pickle::List(
                  {pickle::Storage(), pickle::Storage({.elements = 5})})),
              StatusIs(kInvalidArgument));
}

TEST(PickleCheckTest, RefusesTensorsMadeOfSomethingElse) {
  const auto rebuild = [](const std::vector<std::string>& arguments) {
    return Check(pickle::Call(
        pickle::Global("torch._utils", "_rebuild_tensor_v2"), arguments));
  };
  const std::string six = pickle::Ints({6});
  const std::string one = pickle::Ints({1});
  const auto refused = StatusIs(kInvalidArgument);
  EXPECT_THAT(rebuild({pickle::Storage(), "K\0", six, one, pickle::kTrue}),
              refused);
  const std::string zero("K\0", 2);
  EXPECT_THAT(rebuild({pickle::Storage(), zero, six, one, pickle::kTrue, "N"}),
              IsOk());
  EXPECT_THAT(rebuild({pickle::Int(1), zero, six, one, pickle::kTrue, "N"}),
              refused);
  EXPECT_THAT(rebuild({pickle::Storage(), "N", six, one, pickle::kTrue, "N"}),
              refused);
  EXPECT_THAT(rebuild({pickle::Storage(), zero, six, one, "N", "N"}), refused);
  EXPECT_THAT(rebuild({pickle::Storage(), zero, pickle::Tuple({"N"}), one,
                       pickle::kTrue, "N"}),
              refused);
}

TEST(PickleCheckTest, ChecksTheScalesOfQuantisedTensors) {
  // Six numbers of one byte, scaled by `scales` floats along axis 0 of 2.
  const auto tensor = [](const std::string& parameters) {
    return Check(
        pickle::Call(pickle::Global("torch._utils", "_rebuild_qtensor"),
                     {pickle::Storage({.type = "QInt8Storage", .elements = 24}),
                      pickle::Int(0), pickle::Ints({2, 3}),
                      pickle::Ints({3, 1}), parameters, pickle::kTrue, "N"}));
  };
  const auto scales = [](int64_t count) {
    return pickle::Tensor(
        {.storage = {}, .offset = 0, .sizes = {count}, .strides = {1}});
  };
  const std::string tensor_scheme =
      pickle::Global("torch", "per_tensor_affine");
  const std::string channel_scheme =
      pickle::Global("torch", "per_channel_affine");
  const auto refused = StatusIs(kInvalidArgument);
  const auto per_tensor =
      tensor(pickle::Tuple({tensor_scheme, pickle::kFloat, pickle::Int(0)}));
  ASSERT_THAT(per_tensor, IsOk());
  EXPECT_THAT(tensor(pickle::Tuple({tensor_scheme, "N", pickle::Int(0)})),
              refused);
  EXPECT_THAT(tensor(pickle::Tuple(
                  {channel_scheme, scales(2), scales(2), pickle::Int(0)})),
              IsOk());
  EXPECT_THAT(tensor(pickle::Tuple(
                  {channel_scheme, scales(1), scales(2), pickle::Int(0)})),
              refused);
  EXPECT_THAT(tensor(pickle::Tuple(
                  {channel_scheme, scales(2), scales(2), pickle::Int(2)})),
              refused);
  EXPECT_THAT(tensor(pickle::Tuple({"N"})), refused);
  EXPECT_THAT(tensor("N"), refused);
}

TEST(PickleCheckTest, RefusesToTakeWhatIsNotThere) {
  const auto refused = StatusIs(kInvalidArgument);
  for (const std::string value :
       {"RRRR", "b", "Q", "t", "\x85",  "N\x86", "NN\x87", "e",  "]e", "u",
        "}u",   "s", "d", "l", "q\x01", "\x81",  ")\x81",  "N(", "(N", "NN"}) {
    EXPECT_THAT(Check(value), refused) << testing::PrintToString(value);
  }
}

TEST(PickleCheckTest, RefusesToTakeWhatLiesBelowAMark) {
  const auto refused = StatusIs(kInvalidArgument);
  EXPECT_THAT(Check("N(\x85t"), refused);
  EXPECT_THAT(Check("](N(e"), refused);
  EXPECT_THAT(Check(pickle::Global("__torch__", "C") + "()\x81t"), refused);
}

TEST(PickleCheckTest, RefusesAKeyWithoutItsValue) {
  EXPECT_THAT(Check("}(Nu"), StatusIs(kInvalidArgument));
  EXPECT_THAT(Check("(Nd"), StatusIs(kInvalidArgument));
  EXPECT_THAT(Check("(NNd"), IsOk());
  EXPECT_THAT(Check("}NNs"), IsOk());
}

TEST(PickleCheckTest, RefusesToFillTheWrongContainer) {
  EXPECT_THAT(Check("](NNu"), StatusIs(kInvalidArgument));
  EXPECT_THAT(Check("}(NNe"), StatusIs(kInvalidArgument));
  EXPECT_THAT(Check("N(Ne"), StatusIs(kInvalidArgument));
}

TEST(PickleCheckTest, RefusesAContainerInsideOfItself) {
  const std::string put("q\0", 2);
  const std::string get("h\0", 2);
  EXPECT_THAT(Check("]" + put + "(" + get + "e"), StatusIs(kInvalidArgument));
  // By way of another one.
  EXPECT_THAT(Check("]" + put + "(](" + get + "ee"),
              StatusIs(kInvalidArgument));
}

TEST(PickleCheckTest, RefusesContainersNestedTooDeep) {
  const auto nested = [](int depth) {
    return Check(Repeat("](", depth) + Repeat("e", depth));
  };
  EXPECT_THAT(nested(512), IsOk());
  EXPECT_THAT(nested(513), StatusIs(kInvalidArgument));
  EXPECT_THAT(nested(2'000'000), StatusIs(kInvalidArgument));
  EXPECT_THAT(Check("N" + Repeat("\x85", 2'000'000)),
              StatusIs(kInvalidArgument));
}

TEST(PickleCheckTest, RefusesSharedListsThatAreEndlessWhenWalked) {
  std::string value = "N";
  for (int i = 0; i < 60; ++i) {
    value += "\x85q" + pickle::Number(static_cast<uint64_t>(i), 1) + "h" +
             pickle::Number(static_cast<uint64_t>(i), 1) + "\x86";
  }
  EXPECT_THAT(Check(value), StatusIs(kInvalidArgument));
}

TEST(PickleCheckTest, RefusesMemoIndicesThatNobodyCountedUpTo) {
  EXPECT_THAT(Check("]r\xff\xff\xff\xff"), StatusIs(kInvalidArgument));
  EXPECT_THAT(Check("h\x07"), StatusIs(kInvalidArgument));
  EXPECT_THAT(Check("j\x07" + std::string(3, '\0')),
              StatusIs(kInvalidArgument));
}

TEST(PickleCheckTest, RefusesLengthsPastTheEnd) {
  EXPECT_THAT(Check("X\xff\xff\xff\xff"
                    "abc"),
              StatusIs(kInvalidArgument));
  EXPECT_THAT(Check("\x8a\x09"), StatusIs(kInvalidArgument));
  EXPECT_THAT(Check("c__torch__"), StatusIs(kInvalidArgument));
  for (const std::string cut : {"K", "M", "J", "G", "q", "r", "h", "j", "X"}) {
    EXPECT_THAT(CheckPickle("\x80\x02" + cut, SixFloats),
                StatusIs(kInvalidArgument));
  }
}

TEST(PickleCheckTest, RefusesWhatTorchJitSaveDoesNotCall) {
  const auto refused = StatusIs(kInvalidArgument);
  const std::vector<std::pair<std::string, std::string>> names = {
      {"os", "system"},
      {"__main__", "TensorID"},
      {"torch.jit._pickle", "build_tensor_from_id"},
      {"torch._tensor", "_rebuild_from_type_v2"},
      {"torch.distributed.rpc", "rref"},
      {"torch", "NoSuchStorage"},
      {"__torch__..a", "B"},
      {"__torch__", ""},
      {"__torch__", std::string(2000, 'x')},
      {"__torch__", "a\xff"}};
  for (const auto& [module, name] : names) {
    EXPECT_THAT(Check(pickle::Global(module, name)), refused) << name;
  }
  EXPECT_THAT(Check(pickle::Global("torch._utils", "_rebuild_sparse_tensor")),
              StatusIs(kUnimplemented));
}

TEST(PickleCheckTest, RefusesOpcodesThatLibTorchDoesNotKnow) {
  for (const char opcode : std::string("0125FIPSTUVgiop\x82\x83\x84\x8b\x8c"
                                       "\x93\x94\x95\xff")) {
    EXPECT_THAT(Check(std::string("NN") + opcode), StatusIs(kInvalidArgument))
        << static_cast<int>(opcode);
  }
}

TEST(PickleCheckTest, RefusesCallsOfTheWrongThings) {
  const auto refused = StatusIs(kInvalidArgument);
  const std::string list = "torch.jit._pickle";
  EXPECT_THAT(Check("K\1)R"), refused);
  EXPECT_THAT(Check(pickle::Call(pickle::Global(list, "build_intlist"),
                                 {pickle::List({pickle::kFloat})})),
              refused);
  EXPECT_THAT(Check(pickle::Call(pickle::Global(list, "build_intlist"), {"N"})),
              refused);
  EXPECT_THAT(Check(pickle::Call(pickle::Global(list, "build_intlist"), {})),
              refused);
  EXPECT_THAT(Check(pickle::Call(pickle::Global(list, "restore_type_tag"),
                                 {pickle::List({}), "N"})),
              refused);
  EXPECT_THAT(Check(pickle::Call(pickle::Global("torch", "device"), {"N"})),
              refused);
  EXPECT_THAT(
      Check(pickle::Call(pickle::Global("builtins", "complex"), {"N", "N"})),
      refused);
  EXPECT_THAT(Check(pickle::Global("torch._utils", "_rebuild_tensor_v2") +
                    ")\x81N" + "b"),
              refused);
}

TEST(PickleCheckTest, RefusesTypesNestedTooDeep) {
  const auto tagged = [](int depth) {
    return Check(pickle::Call(
        pickle::Global("torch.jit._pickle", "restore_type_tag"),
        {pickle::List({}),
         pickle::Str(Repeat("List[", depth) + "int" + Repeat("]", depth))}));
  };
  EXPECT_THAT(tagged(64), IsOk());
  EXPECT_THAT(tagged(65), StatusIs(kInvalidArgument));
}

TEST(PickleCheckTest, RefusesWhatIsNotOnePickleOfProtocol2) {
  const auto refused = StatusIs(kInvalidArgument);
  EXPECT_THAT(CheckPickle("", SixFloats), refused);
  EXPECT_THAT(CheckPickle("N.", SixFloats), refused);
  EXPECT_THAT(CheckPickle("\x80\x04N.", SixFloats), refused);
  EXPECT_THAT(CheckPickle("\x80\x02.", SixFloats), refused);
  EXPECT_THAT(CheckPickle("\x80\x02N", SixFloats), refused);
  EXPECT_THAT(CheckPickle("\x80\x02NN.", SixFloats), refused);
  EXPECT_THAT(CheckPickle("\x80\x02N.more", SixFloats), refused);
  EXPECT_THAT(Check("\x80\x02N"), refused);
}

TEST(PickleCheckTest, KeepsToItsLimits) {
  EXPECT_THAT(Check(Repeat("N", 100), {.size_max_bytes = 99}),
              StatusIs(kInvalidArgument));
  EXPECT_THAT(Check("](" + Repeat("N", 100) + "e", {.values_max = 100}),
              StatusIs(kInvalidArgument));
  EXPECT_THAT(Check("](" + Repeat("N", 99) + "e", {.values_max = 100}), IsOk());
  EXPECT_THAT(Check(pickle::Str("long"), {.string_length_max = 3}),
              StatusIs(kInvalidArgument));
}

TEST(PickleCheckTest, SurvivesAnyByteAnywhere) {
  const std::string good = pickle::Whole(pickle::Object(
      "Model", pickle::Dict({pickle::Str("w"), pickle::Tensor()})));
  ASSERT_THAT(CheckPickle(good, SixFloats), IsOk());
  for (size_t at = 0; at < good.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string bad = good;
      bad[at] = static_cast<char>(byte);
      // Whatever it says, it returns.
      (void)CheckPickle(bad, SixFloats);
    }
  }
}

}  // namespace
}  // namespace ferry::pickle_check_test
