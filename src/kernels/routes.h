// How a backend computes each kind of layer here, and why so: nothing falls back silently.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kernels/step.h"

namespace facet {

struct Route {
  std::string layers;  ///< "NVFP4 linears"
  std::string how;     ///< "decoded to BF16 in registers, matrix units"
  std::string why;     ///< "no FP4 units: compute capability 9.0"
  /// The device's own units multiply the numbers as they are stored. Otherwise it is a fallback:
  /// numbers are converted for other units, or a plain kernel does the work.
  bool native = false;
};

/// What a model has to compute.
struct RouteNeeds {
  bool nvfp4_linears = false;
  bool bf16_linears = false;           ///< in the decoder, besides the head
  bool quantized_activations = false;  ///< W4A4
  std::vector<AttentionShape> attention;
};

/// One route for each kind of layer that is needed. `backend` as MakeBackend() takes it, with its
/// errors; nothing is allocated on the device.
Result<std::vector<Route>> RoutesOf(std::string_view backend, const RouteNeeds& needs);

/// Route::layers of attention: "attention, sliding layers".
std::string AttentionLayers(const AttentionShape& shape);

/// "NVFP4 linears: decoded to … (no FP4 units: …)".
std::string Describe(const Route& route);

/// kUnsupported, naming each fallback and its kind of layer, unless all are native.
Result<void> RequireNative(const std::vector<Route>& routes);

}  // namespace facet
