#include <check/rules.hpp>

#include <string_view>

namespace saddle::worker {

const std::vector<Rule>& rules() {
  static const std::vector<Rule> list = {
      {"entry", "file",
       "The file opens, exports the entry, and its structs have the sizes of an ABI version that the host "
       "speaks; it needs no extension that the host lacks."},
      {"operators", "file", "Every operator that it lists is one of the host's."},
      {"description", "file",
       "Each component has a description in JSON with kind, name, version, doc and roles, and no two share "
       "kind and name."},
      {"schema", "file",
       "Parameters are a JSON Schema that allows no others; each has a description, and a default that obeys "
       "it."},
      {"create", "model, loss, dataset, metric, transform",
       "An instance can be made with the default parameters, for small pictures or for points; what it does "
       "not take it refuses with a sentence."},
      {"info", "dataset",
       "Shape, type, classes and splits make sense, `train` is among the splits, the version is not empty, "
       "facts are a JSON object, and it says the same twice."},
      {"fill", "dataset",
       "Every byte of the samples asked for is written and none beside them; numbers are finite, labels are "
       "from 0 to classes - 1, and may be left out."},
      {"forward", "model, transform",
       "Each role gives the outputs it lists and no others, in batches of any size, training and not: "
       "finite, "
       "of the type of its inputs, the batch first. Pictures have the shape of the data; a transform keeps "
       "the shape."},
      {"terms", "loss",
       "Each role gives terms with names of their own: one finite number each, which depends on the player's "
       "weights."},
      {"numbers", "metric",
       "It gives finite numbers with names of their own, those in its description's `higher` among them, "
       "other ones for another set of samples, and a new reference takes the place of the old."},
      {"borrowed", "model, loss, metric, transform",
       "Inputs and weights are left as they were; buffers too, but for a training pass."},
      {"needs", "loss",
       "It asks for the outputs, labels and gradients that its description lists, and uses all of them."},
      {"seed", "model, loss, dataset, metric, transform",
       "The same seed gives the same result, from the same instance and from another one."},
      {"order", "dataset, metric",
       "A sample does not depend on which others are asked for, in what order. A metric does not depend on "
       "the "
       "order of the samples, unless its description says \"ordered\": true."},
      {"gradient", "model, loss, transform",
       "Gradients reach every parameter and input, and agree with finite differences along random "
       "directions, "
       "in float64 where it can compute in it. With \"surrogate_gradient\": true in the description they may "
       "differ."},
      {"concurrent", "dataset", "If it says `concurrent`, several threads read the same bytes as one."},
      {"instances", "model, loss, dataset, metric, transform",
       "An instance does what it does alone in a process, whatever other instances are made, used and "
       "destroyed."},
      {"errors", "model, loss, dataset, metric, transform",
       "What goes wrong - an input that is missing, an operator that fails, an index outside of the data - "
       "comes back as SADDLE_ERROR with a text."},
      {"handles", "model, loss, metric, transform",
       "Every tensor handle it was given is released once: by each call, by calls that fail, by destroy."},
  };
  return list;
}

std::vector<const Rule*> rules_of(const std::string& kind) {
  std::vector<const Rule*> found;
  for (const Rule& rule : rules())
    if ((", " + std::string(rule.kinds) + ",").find(", " + kind + ",") != std::string::npos)
      found.push_back(&rule);
  return found;
}

}  // namespace saddle::worker
