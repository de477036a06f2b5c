#include "kernels/backend_factory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::ErrorOf;
using ::testing::HasSubstr;
using testing::Value;

TEST(BackendFactoryTest, AutoIsWhatIsSaidOfIt) {
  const BackendChoice choice = ChooseBackend();
  EXPECT_FALSE(choice.reason.empty());
  EXPECT_EQ(Value(MakeBackend("auto"))->name(), choice.name);
}

TEST(BackendFactoryTest, NamesThatAreNone) {
  for (const char* name : {"", "gpu", "CPU", "cuda:", "cuda:-1", "cuda:x", "cuda:0x", "cuda0"}) {
    const Error error = ErrorOf(MakeBackend(name));
    EXPECT_EQ(error.code, ErrorCode::kUsage) << name;
    EXPECT_THAT(error.message, HasSubstr("expected auto, cpu, cuda, cuda:N or ref")) << name;
  }
  EXPECT_EQ(ErrorOf(MakeBackend("cpu", -1)).code, ErrorCode::kUsage);
}

TEST(BackendFactoryTest, ACardThatIsNotThereSaysSo) {
  const Error error = ErrorOf(MakeBackend("cuda:1000"));
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_THAT(error.message, HasSubstr("CUDA"));
}

}  // namespace
}  // namespace facet
