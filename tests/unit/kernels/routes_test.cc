#include "kernels/routes.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/cuda/routes.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using ::testing::AllOf;
using testing::ErrorOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Value;

constexpr AttentionShape kSliding = {.heads = 16, .kv_heads = 8, .head_dim = 256, .window = 1024};
constexpr AttentionShape kFull = {.heads = 16, .kv_heads = 1, .head_dim = 512, .window = 0};

RouteNeeds Needs(bool nvfp4, bool quantized_activations = false) {
  return {.nvfp4_linears = nvfp4,
          .bf16_linears = !nvfp4,
          .quantized_activations = quantized_activations,
          .attention = {kSliding, kFull}};
}

std::vector<std::string> LayersOf(const std::vector<Route>& routes) {
  std::vector<std::string> layers;
  for (const Route& route : routes) layers.push_back(route.layers);
  return layers;
}

TEST(RoutesTest, EveryKindOfLayerHasOneAndAReason) {
  for (const char* backend : {"ref", "cpu"}) {
    const std::vector<Route> routes = Value(RoutesOf(backend, Needs(true)));
    EXPECT_THAT(LayersOf(routes),
                ::testing::ElementsAre("NVFP4 linears", "BF16 head", "attention, sliding layers",
                                       "attention, full layers"));
    EXPECT_THAT(LayersOf(Value(RoutesOf(backend, Needs(false)))),
                ::testing::Contains("BF16 linears"));
    for (const Route& route : routes) {
      EXPECT_FALSE(route.how.empty());
      EXPECT_FALSE(route.why.empty());
    }
  }
  EXPECT_EQ(ErrorOf(RoutesOf("gpu", Needs(true))).code, ErrorCode::kUsage);
}

TEST(RoutesTest, AFallbackIsNamedWithItsLayersAndReason) {
  const Error error = ErrorOf(RequireNative(Value(RoutesOf("cpu", Needs(true)))));
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_THAT(error.message, AllOf(HasSubstr("--require-native"), HasSubstr("NVFP4 linears: "),
                                   HasSubstr("BF16 head: "), HasSubstr("no FP4 arithmetic"),
                                   Not(HasSubstr("attention"))));
}

TEST(RoutesTest, HopperComputesBf16ItselfAndDecodesNvfp4) {
  EXPECT_TRUE(RequireNative(cuda::RoutesOf(9, 0, Needs(false))));
  for (const bool quantized : {false, true}) {
    const Error error = ErrorOf(RequireNative(cuda::RoutesOf(9, 0, Needs(true, quantized))));
    EXPECT_THAT(error.message, AllOf(HasSubstr("NVFP4 linears: "), HasSubstr("decoded to BF16"),
                                     HasSubstr("no FP4 units at compute capability 9.0"),
                                     Not(HasSubstr("BF16 head"))));
  }
}

TEST(RoutesTest, OtherHeadsTakeThePlainKernel) {
  RouteNeeds needs = Needs(false);
  needs.attention = {{.heads = 6, .kv_heads = 2, .head_dim = 32, .window = 64}, kFull};
  const std::vector<Route> routes = cuda::RoutesOf(9, 0, needs);
  EXPECT_EQ(std::ranges::count(routes, false, &Route::native), 1);
  EXPECT_THAT(
      ErrorOf(RequireNative(routes)).message,
      AllOf(HasSubstr("attention, sliding layers: plain kernel"), HasSubstr("head_dim 32")));
}

}  // namespace
}  // namespace facet
