#include "text/jinja/filters.h"

namespace facet::jinja {

FilterFn FindFilter(std::string_view name) {
  for (const auto find : {FindTextFilter, FindNumberFilter, FindListFilter, FindOrderFilter}) {
    if (const FilterFn found = find(name)) return found;
  }
  return nullptr;
}

}  // namespace facet::jinja
