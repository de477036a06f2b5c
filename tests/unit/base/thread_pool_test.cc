#include "base/thread_pool.h"

#include <numeric>

#include <gtest/gtest.h>

namespace facet {
namespace {

class ThreadPoolTest : public ::testing::TestWithParam<int> {};

TEST_P(ThreadPoolTest, CoversEveryItemOnce) {
  ThreadPool pool(GetParam());
  for (const int64_t count : {0, 1, 7, 64, 1000}) {
    for (const int64_t grain : {1, 3, 64}) {
      std::vector<int> hits(static_cast<size_t>(count), 0);
      pool.ParallelFor(count, grain, [&](int64_t begin, int64_t end, int worker) {
        ASSERT_LT(worker, pool.threads());
        ASSERT_LE(end - begin, grain);
        ASSERT_EQ(begin % grain, 0);
        for (int64_t i = begin; i < end; ++i) ++hits[static_cast<size_t>(i)];
      });
      EXPECT_EQ(std::accumulate(hits.begin(), hits.end(), 0), count);
      EXPECT_TRUE(std::all_of(hits.begin(), hits.end(), [](int hit) { return hit == 1; }));
    }
  }
}

TEST_P(ThreadPoolTest, ManyShortJobsInARow) {
  ThreadPool pool(GetParam());
  std::atomic<int64_t> sum{0};
  for (int job = 0; job < 2000; ++job) {
    pool.ParallelFor(4, 1, [&](int64_t begin, int64_t, int) { sum += begin; });
  }
  EXPECT_EQ(sum.load(), 2000 * 6);
}

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, ::testing::Values(1, 2, 5));

TEST(ThreadPoolProcessorsTest, IsAtLeastOne) { EXPECT_GE(ThreadPool::UsableProcessors(), 1); }

}  // namespace
}  // namespace facet
