#include "kernels/routes.h"

#include "kernels/backend_factory.h"
#include "kernels/cuda/routes.h"
#include "kernels/device_info.h"

#ifdef FACET_CUDA
#include "kernels/cuda/device.h"
#endif

namespace facet {
namespace {

std::vector<Route> RefRoutes(const RouteNeeds& needs) {
  const auto plain = [](std::string layers) {
    return Route{.layers = std::move(layers),
                 .how = "plain loops, sums in double",
                 .why = "ref is the executable specification",
                 .native = false};
  };
  std::vector<Route> routes;
  if (needs.nvfp4_linears) routes.push_back(plain("NVFP4 linears"));
  if (needs.bf16_linears) routes.push_back(plain("BF16 linears"));
  routes.push_back(plain("BF16 head"));
  for (const AttentionShape& shape : needs.attention)
    routes.push_back(plain(AttentionLayers(shape)));
  return routes;
}

std::vector<Route> CpuRoutes(const RouteNeeds& needs) {
  const std::string_view set = NameOf(DetectDevice().choice.set);
  const auto widened = [&](std::string layers) {
    return Route{.layers = std::move(layers),
                 .how = fmt::format("widened to float32 in registers, {}", set),
                 .why = "facet uses no BF16 instructions of processors",
                 .native = false};
  };
  std::vector<Route> routes;
  if (needs.nvfp4_linears) {
    const char* activations = needs.quantized_activations
                                  ? "activations quantized as the checkpoint states"
                                  : "activations as three digits of 8 bits";
    routes.push_back({.layers = "NVFP4 linears",
                      .how = fmt::format("products of 8-bit numbers, {}, {}", activations, set),
                      .why = "no FP4 arithmetic on processors",
                      .native = false});
  }
  if (needs.bf16_linears) routes.push_back(widened("BF16 linears"));
  routes.push_back(widened("BF16 head"));
  for (const AttentionShape& shape : needs.attention) {
    routes.push_back({.layers = AttentionLayers(shape),
                      .how = fmt::format("float32 throughout, {}", set),
                      .why = "the cache is float32",
                      .native = true});
  }
  return routes;
}

#ifdef FACET_CUDA
Result<std::vector<Route>> CardRoutes(int device, const RouteNeeds& needs) {
  FACET_TRY(const cuda::DeviceProperties card, cuda::UsableDevice(device));
  return cuda::RoutesOf(card.major, card.minor, needs);
}
#else
Result<std::vector<Route>> CardRoutes(int, const RouteNeeds&) {
  return Fail(ErrorCode::kUnsupported, "this facet was built without CUDA");
}
#endif

}  // namespace

Result<std::vector<Route>> RoutesOf(std::string_view backend, const RouteNeeds& needs) {
  FACET_TRY(const BackendName name, ResolveBackend(backend));
  switch (name.kind) {
    case BackendKind::kCuda:
      return CardRoutes(name.device, needs);
    case BackendKind::kRef:
      return RefRoutes(needs);
    case BackendKind::kCpu:
      break;
  }
  return CpuRoutes(needs);
}

std::string AttentionLayers(const AttentionShape& shape) {
  return fmt::format("attention, {} layers", shape.window > 0 ? "sliding" : "full");
}

std::string Describe(const Route& route) {
  return fmt::format("{}: {} ({}{})", route.layers, route.how, route.native ? "native; " : "",
                     route.why);
}

Result<void> RequireNative(const std::vector<Route>& routes) {
  std::string fallbacks;
  for (const Route& route : routes) {
    if (!route.native) fallbacks += (fallbacks.empty() ? "" : "; ") + Describe(route);
  }
  if (fallbacks.empty()) return {};
  return Fail(ErrorCode::kUnsupported, "--require-native: not native here are {}", fallbacks);
}

}  // namespace facet
