#include "text/merges.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "testing/result_matchers.h"

namespace facet {
namespace {

using Rule = MergeTable::Rule;

std::vector<int32_t> Merged(const std::vector<Rule>& rules, const std::vector<int32_t>& symbols) {
  std::vector<int32_t> out;
  testing::Value(MergeTable::Build(rules)).Apply(symbols, out);
  return out;
}

/// The definition, word by word: the lowest rank, leftmost, until none fits.
std::vector<int32_t> MergedByDefinition(const std::vector<Rule>& rules,
                                        std::vector<int32_t> symbols) {
  for (bool changed = true; changed;) {
    changed = false;
    for (const Rule& rule : rules) {
      for (size_t i = 0; i + 1 < symbols.size() && !changed; ++i) {
        if (symbols[i] != rule.left || symbols[i + 1] != rule.right) continue;
        symbols[i] = rule.result;
        symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        changed = true;
      }
      if (changed) break;
    }
  }
  return symbols;
}

TEST(MergeTableTest, WithoutRulesNothingChanges) {
  EXPECT_EQ(Merged({}, {1, 2, 3}), (std::vector<int32_t>{1, 2, 3}));
  EXPECT_TRUE(Merged({{1, 2, 3}}, {}).empty());
}

TEST(MergeTableTest, LowestRankFirstThenLeftmost) {
  EXPECT_EQ(Merged({{2, 3, 9}, {1, 2, 8}}, {1, 2, 3}), (std::vector<int32_t>{1, 9}));
  EXPECT_EQ(Merged({{1, 2, 8}, {2, 3, 9}}, {1, 2, 3}), (std::vector<int32_t>{8, 3}));
  EXPECT_EQ(Merged({{1, 1, 2}}, {1, 1, 1}), (std::vector<int32_t>{2, 1}));
}

TEST(MergeTableTest, ALaterRuleForTheSamePairCounts) {
  EXPECT_EQ(Merged({{1, 2, 8}, {1, 2, 9}}, {1, 2}), std::vector<int32_t>{9});
}

/// Pairs that fall on one slot of a table for 2,048 rules: what a file made to be slow would hold.
TEST(MergeTableTest, RulesMadeToCollideAreRefused) {
  std::vector<Rule> rules;
  for (int32_t left = 0; left < 20'000 && rules.size() < 2048; ++left) {
    for (int32_t right = 0; right < 1000 && rules.size() < 2048; ++right) {
      const uint64_t key =
          (uint64_t{static_cast<uint32_t>(left)} << 32) | static_cast<uint32_t>(right);
      const uint64_t hash = key * 0x9E3779B97F4A7C15U;
      if (((hash ^ (hash >> 32)) & 4095U) == 0) rules.push_back({left, right, 1});
    }
  }
  ASSERT_EQ(rules.size(), 2048u);
  EXPECT_EQ(testing::ErrorOf(MergeTable::Build(rules)).code, ErrorCode::kResource);
  rules.resize(1000);
  rules.push_back({1'000'000, 1, 7});
  EXPECT_EQ(Merged(rules, {1'000'000, 1}), std::vector<int32_t>{7});
}

TEST(MergeTableTest, EqualsTheDefinitionOnRandomRules) {
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    std::vector<Rule> rules;
    for (int id = 4; id < 20; ++id) {
      const auto part = [&] { return static_cast<int32_t>(random() % static_cast<unsigned>(id)); };
      rules.push_back({part(), part(), id});
    }
    std::vector<int32_t> symbols(random() % 40);
    for (int32_t& symbol : symbols) symbol = static_cast<int32_t>(random() % 4);
    std::erase_if(rules, [&](const Rule& rule) {  // unique pairs, as in real files
      return std::ranges::count_if(rules, [&](const Rule& other) {
               return other.left == rule.left && other.right == rule.right;
             }) > 1;
    });
    ASSERT_EQ(Merged(rules, symbols), MergedByDefinition(rules, symbols)) << "round " << round;
  }
}

}  // namespace
}  // namespace facet
