// The routes of kernels/routes.h on NVIDIA cards: what the backend here decides, as text. Needs no
// toolkit.
#pragma once

#include <vector>

#include "kernels/routes.h"

namespace facet::cuda {

/// On a card of this compute capability that facet has code for (UsableDevice()).
std::vector<Route> RoutesOf(int major, int minor, const RouteNeeds& needs);

}  // namespace facet::cuda
