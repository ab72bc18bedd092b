// NestInputs: flat names become lists and dicts; each name that cannot be
// understood is refused by its own name.

#include "server/rpc/nested_inputs.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "tests/support/status_matchers.h"

namespace ferry::nested_inputs_test {
namespace {

using testing::HasSubstr;

// Inputs with these names, valued 0, 1, 2, ...
std::vector<NamedValue> Numbered(const std::vector<std::string>& names) {
  std::vector<NamedValue> inputs;
  for (const std::string& name : names) {
    inputs.push_back({name, {static_cast<int64_t>(inputs.size())}});
  }
  return inputs;
}

// As Python would write it.
std::string Text(const Value& value) {
  std::string text;
  if (const auto* number = std::get_if<int64_t>(&value.value)) {
    return std::to_string(*number);
  }
  if (const auto* list = std::get_if<Value::List>(&value.value)) {
    for (const Value& element : *list) {
      text += (text.empty() ? "" : ", ") + Text(element);
    }
    return "[" + text + "]";
  }
  for (const DictEntry& entry : std::get<Value::Dict>(value.value)) {
    text += (text.empty() ? "" : ", ") + entry.key + ": " + Text(entry.value);
  }
  return "{" + text + "}";
}

std::string Nested(const std::vector<std::string>& names) {
  std::vector<NamedValue> inputs = Numbered(names);
  const absl::Status status = NestInputs(inputs);
  if (!status.ok()) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
    return std::string(status.message());
  }
  std::string text;
  for (const NamedValue& input : inputs) {
    text += (text.empty() ? "" : "; ") + input.name + " = " + Text(input.value);
  }
  return text;
}

TEST(NestedInputsTest, LeavesPlainNamesAlone) {
  EXPECT_EQ(Nested({"b", "a"}), "b = 0; a = 1");
  EXPECT_EQ(Nested({}), "");
}

TEST(NestedInputsTest, MakesListsOfIndicesInAnyOrder) {
  EXPECT_EQ(Nested({"x.1", "y", "x.0"}), "x = [2, 0]; y = 1");
  EXPECT_EQ(Nested({"x.0"}), "x = [0]");
}

TEST(NestedInputsTest, SortsIndicesByNumber) {
  std::vector<std::string> names;
  std::string expected;
  for (int i = 0; i < 12; ++i) {
    names.push_back(absl::StrCat("x.", i));
    expected += (i == 0 ? "" : ", ") + std::to_string(i);
  }
  EXPECT_EQ(Nested(names), "x = [" + expected + "]");
}

TEST(NestedInputsTest, MakesDictsOfKeysInTheirOrder) {
  EXPECT_EQ(Nested({"o.scale", "x", "o.flag"}),
            "o = {scale: 0, flag: 2}; x = 1");
}

TEST(NestedInputsTest, NestsAsDeepAsTheNames) {
  EXPECT_EQ(Nested({"o.a.0", "o.b", "o.a.1.k"}), "o = {a: [0, {k: 2}], b: 1}");
}

TEST(NestedInputsTest, TakesKeysOfWhichSomeAreNumbersAsADict) {
  EXPECT_EQ(Nested({"o.0", "o.key"}), "o = {0: 0, key: 1}");
}

TEST(NestedInputsTest, RefusesAnIndexPastTheNumberOfElements) {
  EXPECT_EQ(Nested({"x.0", "x.2"}),
            "input \"x.2\": the list has 2 elements here, so their indices "
            "must be 0 to 1");
  EXPECT_THAT(Nested({"x.99999999999999999999"}), HasSubstr("input \"x.9999"));
}

TEST(NestedInputsTest, RefusesIndicesThatAreNotPlainNumbers) {
  EXPECT_EQ(Nested({"x.0", "x.01"}),
            "input \"x.01\": the index \"01\" is not a plain number");
}

TEST(NestedInputsTest, RefusesEmptyParts) {
  for (const char* name : {"x.", ".x", ".", "x..y", "x.0."}) {
    EXPECT_THAT(Nested({name}), HasSubstr("a part of the name is empty"))
        << name;
  }
}

TEST(NestedInputsTest, RefusesAValueThatHasParts) {
  EXPECT_EQ(Nested({"x", "x.0"}),
            "input \"x\": it is a value, and other inputs are parts of it");
  EXPECT_EQ(Nested({"x.a.b", "x.a"}),
            "input \"x.a\": it is a value, and other inputs are parts of it");
}

TEST(NestedInputsTest, RefusesNestingBelowTheDeepestLevel) {
  std::string name = "x";
  for (int i = 0; i < Value::kDepthMax; ++i) name += ".0";
  EXPECT_EQ(Nested({name}).substr(0, 8), "x = [[[[");
  EXPECT_THAT(Nested({name + ".0"}), HasSubstr("nested deeper than 32 levels"));
  EXPECT_THAT(Nested({std::string(1'000'000, '.')}), HasSubstr("is empty"));
}

}  // namespace
}  // namespace ferry::nested_inputs_test
