#include "model/memory_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/backend_factory.h"
#include "model/workspace.h"
#include "testing/paths.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using ::testing::AllOf;
using testing::CasePath;
using testing::ErrorOf;
using ::testing::HasSubstr;
using testing::SourcePath;
using testing::Value;

class MemoryPlanTest : public ::testing::Test {
 protected:
  std::unique_ptr<Backend> backend_ = Value(MakeBackend("cpu", 1));
  Checkpoint checkpoint_ = Value(Checkpoint::Open(SourcePath("models/tiny")));
  const ModelConfig& config_ = checkpoint_.config();
};

TEST_F(MemoryPlanTest, CountsCacheBuffersAndLogits) {
  const KvCacheOptions options{.slots = 3, .max_context = 1000, .max_chunk = 16};
  const MemoryPlan plan = PlanMemory(config_, *backend_, options, 77);
  EXPECT_EQ(plan.weights, 77);
  EXPECT_EQ(plan.cache, KvCache::BytesFor(config_, options, DType::kF32));
  EXPECT_EQ(plan.buffers, Workspace::BytesFor(config_, 48, *backend_) + 3 * 4 * config_.vocabulary);
  EXPECT_EQ(plan.total(), 77 + plan.cache + plan.buffers);
}

TEST_F(MemoryPlanTest, WeightsOfHostsStayInTheirFiles) {
  EXPECT_EQ(PlacedWeightBytes(checkpoint_, *backend_), 0);
}

TEST_F(MemoryPlanTest, WhatFitsIsTheLargestThatDoes) {
  const KvCacheOptions options{.slots = 64, .max_context = 4096, .max_chunk = 1};
  const auto total = [&](int64_t slots, int64_t context) {
    return PlanMemory(config_, *backend_, {.slots = slots, .max_context = context, .max_chunk = 1},
                      1000)
        .total();
  };
  const int64_t available = total(64, 1234);
  EXPECT_EQ(LargestContext(config_, *backend_, options, 1000, available), 1234);
  EXPECT_EQ(LargestContext(config_, *backend_, options, 1000, total(64, 4096)), 4096);
  EXPECT_EQ(LargestContext(config_, *backend_, options, 1000, 1000), 0);
  EXPECT_EQ(LargestBatch(config_, *backend_, options, 1000, total(7, 4096)), 7);
  EXPECT_EQ(LargestBatch(config_, *backend_, options, 1000, 1000), 0);
}

TEST_F(MemoryPlanTest, TheErrorSaysWhatFits) {
  const int64_t available = backend_->AvailableMemory();
  ASSERT_GT(available, 0);
  const KvCacheOptions small{.slots = 1, .max_context = 4096, .max_chunk = 1};
  EXPECT_TRUE(CheckMemory(config_, *backend_, small, 0));
  // Weights that leave room for half of the cache.
  const MemoryPlan plan = PlanMemory(config_, *backend_, small, 0);
  const Error error = ErrorOf(CheckMemory(
      config_, *backend_, {.slots = 1 << 20, .max_context = 1 << 20, .max_chunk = 1}, 0));
  EXPECT_EQ(error.code, ErrorCode::kResource);
  EXPECT_THAT(error.message, AllOf(HasSubstr("are needed and"), HasSubstr("available"),
                                   HasSubstr("1048576 tokens")));
  EXPECT_THAT(ErrorOf(CheckMemory(config_, *backend_, small, available + plan.total())).message,
              HasSubstr("not even a context of one token fits"));
}

}  // namespace
}  // namespace facet
