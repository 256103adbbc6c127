#pragma once
#include <iosfwd>
#include <string>

#include <grid/catalogue.hpp>

namespace saddle::cli {

// All components (or those of one kind) as a Markdown page: doc, parameters, roles, what a loss needs. Names
// no file, so that it is the same on every machine.
void print_reference(std::ostream& out, const Catalogue& catalogue, const std::string& kind);

}  // namespace saddle::cli
