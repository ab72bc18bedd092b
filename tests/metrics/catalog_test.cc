// The catalogue against the rules that a scraper and a reader rely on.
//
// The rules are those of `promtool check metrics` that a name can break: base
// units, _total on counters and on nothing else, a help text.

#include "server/metrics/catalog.h"

#include <algorithm>
#include <functional>
#include <set>
#include <span>
#include <string_view>

#include <gtest/gtest.h>

namespace ferry::catalog_test {
namespace {

bool IsLowerSnakeCase(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || c == '_';
  });
}

TEST(CatalogTest, NamesEachMetricOnce) {
  std::set<std::string_view> names;
  for (const MetricRow& row : Catalog()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
  }
  EXPECT_EQ(names.size(), 23u);
}

TEST(CatalogTest, NamesFollowTheRule) {
  for (const MetricRow& row : Catalog()) {
    EXPECT_TRUE(row.name.starts_with("ferry_")) << row.name;
    EXPECT_TRUE(IsLowerSnakeCase(row.name)) << row.name;
    EXPECT_EQ(row.name.ends_with("_total"), row.type == MetricType::kCounter)
        << row.name;
    for (const std::string_view suffix :
         {"_count", "_sum", "_bucket", "_milliseconds", "_ms", "_mib"}) {
      EXPECT_FALSE(row.name.ends_with(suffix)) << row.name;
    }
  }
}

TEST(CatalogTest, EveryRowExplainsItself) {
  for (const MetricRow& row : Catalog()) {
    EXPECT_TRUE(row.help.ends_with('.')) << row.name;
  }
}

TEST(CatalogTest, LabelsAreWordsWithoutGaps) {
  for (const MetricRow& row : Catalog()) {
    const std::set<std::string_view> distinct(
        row.labels.begin(), row.labels.begin() + row.label_count());
    EXPECT_EQ(distinct.size(), row.label_count()) << row.name;
    for (size_t i = 0; i < row.labels.size(); ++i) {
      EXPECT_EQ(IsLowerSnakeCase(row.labels[i]), i < row.label_count())
          << row.name;
    }
    // A histogram's own label.
    EXPECT_FALSE(distinct.contains("le")) << row.name;
  }
}

TEST(CatalogTest, HistogramsHaveAscendingBucketsAndOthersNone) {
  for (const MetricRow& row : Catalog()) {
    const std::span<const double> bounds = BucketBounds(row.buckets);
    EXPECT_EQ(bounds.empty(), row.type != MetricType::kHistogram) << row.name;
    EXPECT_TRUE(std::ranges::is_sorted(bounds, std::less_equal<>()))
        << row.name;
  }
}

TEST(CatalogTest, TheRatioReachesPastOne) {
  const std::span<const double> bounds = BucketBounds(Buckets::kRatio);
  EXPECT_GT(bounds.front(), 0.0);
  EXPECT_EQ(bounds.back(), 1.2);
}

}  // namespace
}  // namespace ferry::catalog_test
