// Functions(): a file of lines in, the names and lengths of its functions out.

#include "tests/tidy/functions.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ferry::tidy_test::functions_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::pair<std::string, size_t>> Found(
    const std::vector<std::string>& lines) {
  std::vector<std::pair<std::string, size_t>> found;
  for (const Function& function : Functions(lines)) {
    found.emplace_back(function.name, function.lines);
  }
  return found;
}

auto Is(std::string name, size_t lines) {
  return std::pair(std::move(name), lines);
}

TEST(FunctionsTest, CountsFromTheDeclarationToTheLastBrace) {
  EXPECT_THAT(Found({"namespace ferry {", "", "// Not counted.",
                     "absl::StatusOr<int> Arena::Take(",
                     "    size_t size_bytes, int k) {  // {", "  if (k > 0) {",
                     "    for (;;) {", "    }", "  }", "", "  return k;", "}",
                     "", "bool operator==(const A& a, const A& b) {",
                     "  return true;", "}", "}  // namespace ferry"}),
              ElementsAre(Is("Arena::Take", 9), Is("operator==", 3)));
}

TEST(FunctionsTest, CountsConstructorsWithWhatTheyInitialise) {
  EXPECT_THAT(Found({"Arena::Arena(int a)", "    : a_(a),", "      b_([] {",
                     "        return 1;", "      }) {", "  Check();", "}"}),
              ElementsAre(Is("Arena::Arena", 7)));
}

TEST(FunctionsTest, FindsMembersOfClassesInClasses) {
  EXPECT_THAT(
      Found({"template <typename T>", "class Outer final : public A,",
             "                    public B {", " public:", "  struct Inner {",
             "    int Count() const {", "      return 1;", "    }",
             "    int k = 0;", "  };", "  Outer() = default;",
             "  ~Outer() override {", "    Stop();", "    Join();", "  }",
             "  int one() const { return 1; }", "};"}),
      ElementsAre(Is("Count", 3), Is("~Outer", 4)));
}

TEST(FunctionsTest, LeavesOutTablesDeclarationsAndTexts) {
  EXPECT_THAT(Found({"#define CALL(x) \\", "  if (x) {        \\", "  }",
                     "constexpr std::array kFlags = {",
                     "    Flag{\"a\", [](int k) {", "           return k;",
                     "         }},", "};", "inline constexpr Row kRow = {",
                     "    \"a\", {}};", "void F(int a,", "       int b);",
                     "constexpr std::string_view kShell = R\"(", "f() {", "}",
                     ")\";", "enum class K {", "  kA,", "};"}),
              IsEmpty());
}

}  // namespace
}  // namespace ferry::tidy_test::functions_test
