#pragma once
#include <functional>
#include <optional>
#include <string>

#include <check/usage.hpp>

// Published networks are large, and rules that use a component hundreds of times are about its code.
namespace saddle::worker {

// Makes the component with less for the rules that follow, where it costs more than `most`: integers among
// its parameters are halved, down to 4, each time the one that saves most. `cost` of parameters is nullopt
// where the component refuses them; `use` throws where it does not work with them. `made`: usages as
// try_to_create left them; in `subject` and `usages` those of the smaller one are put. What was given with
// --set stays. Returns what is worth saying of it.
std::string make_small(Subject& subject, Usages& usages, const Usages& made, double most,
                       const std::function<std::optional<double>(const nlohmann::json&)>& cost,
                       const std::function<void(const Subject&, Usages&)>& use);

// What `body` computes, in seconds of the processor.
double cpu_seconds(const std::function<void()>& body);

}  // namespace saddle::worker
