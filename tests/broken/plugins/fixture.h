/* What the broken plugins share: a sound model, loss, data set and metric in plain C, of which each breaks
 * one thing. NAME is the component's name. Its parameter `after` says how many calls go well before (of
 * `create`: counted in the file `state`, since each process begins anew). */
#include <saddle/abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNUSED __attribute__((unused)) static
#define EXPORT __attribute__((visibility("default")))

UNUSED const saddle_host* host;

UNUSED saddle_operator_slot linear_slot = {
    "aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor", NULL};
UNUSED saddle_operator_slot mean_slot = {"aten::mean(Tensor self, *, ScalarType? dtype=None) -> Tensor",
                                         NULL};
UNUSED saddle_operator_slot scale_slot = {"aten::mul.Scalar(Tensor self, Scalar other) -> Tensor", NULL};
UNUSED saddle_operator_slot rows_slot = {
    "aten::narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)", NULL};
UNUSED saddle_operator_slot type_slot = {
    "aten::to.dtype(Tensor(a) self, ScalarType dtype, bool non_blocking=False, bool copy=False, "
    "MemoryFormat? "
    "memory_format=None) -> Tensor(a)",
    NULL};
UNUSED saddle_operator_slot detach_slot = {"aten::detach(Tensor(a) self) -> Tensor(a)", NULL};
UNUSED saddle_operator_slot* const operators[] = {&linear_slot, &mean_slot, &scale_slot,
                                                  &rows_slot,   &type_slot, &detach_slot};

typedef struct {
  int64_t after, calls;
  uint32_t weight;
  const char* output;
} Instance;

UNUSED saddle_status fail(const char* why) {
  host->set_error(why);
  return SADDLE_ERROR;
}

UNUSED saddle_value none(void) {
  saddle_value v = {SADDLE_NONE, 0, {0}};
  return v;
}
UNUSED saddle_value of_tensor(saddle_tensor* t) {
  saddle_value v = {SADDLE_TENSOR, 0, {0}};
  v.as.tensor = t;
  return v;
}
UNUSED saddle_value of_int(int64_t i) {
  saddle_value v = {SADDLE_INT, 0, {0}};
  v.as.i = i;
  return v;
}
UNUSED saddle_value of_double(double d) {
  saddle_value v = {SADDLE_DOUBLE, 0, {0}};
  v.as.d = d;
  return v;
}
/* Null when it fails. */
UNUSED saddle_tensor* apply(const saddle_operator_slot* slot, const saddle_value* args, uint32_t count) {
  saddle_value out = none();
  return host->call(slot->handle, args, count, &out, 1) == SADDLE_OK ? out.as.tensor : NULL;
}

UNUSED int64_t int_parameter(const saddle_builder* b, const char* name) {
  saddle_value v;
  return b->get(b, name, &v) == SADDLE_OK && v.tag == SADDLE_INT ? v.as.i : 0;
}

/* Whether this is the call to break: the first after `after` others. */
UNUSED int due(Instance* i) { return i->calls++ >= i->after; }

/* The same of `create`, over all processes. */
UNUSED int creation_due(const saddle_builder* b) {
  saddle_value state;
  long made = 0;
  FILE* f;
  if (b->get(b, "state", &state) != SADDLE_OK || state.tag != SADDLE_STRING || !*state.as.string)
    return int_parameter(b, "after") == 0;
  f = fopen(state.as.string, "r");
  if (f) {
    if (fscanf(f, "%ld", &made) != 1) made = 0;
    fclose(f);
  }
  f = fopen(state.as.string, "w");
  if (f) {
    fprintf(f, "%ld\n", made + 1);
    fclose(f);
  }
  return made >= int_parameter(b, "after");
}

UNUSED Instance* new_instance(const saddle_builder* b) {
  Instance* i = calloc(1, sizeof *i);
  i->after = int_parameter(b, "after");
  return i;
}

/* ---- A sound one of each ---- */

UNUSED saddle_status sound_create(const saddle_builder* b, void** instance) {
  *instance = new_instance(b);
  return SADDLE_OK;
}

/* One linear layer, from z to points or from points to a logit. */
UNUSED saddle_status sound_model_create(const saddle_builder* b, void** instance) {
  const int makes = strcmp(b->role, "generator") == 0;
  saddle_value latent, shape;
  if (b->fact(b, "latent_size", &latent) != SADDLE_OK || b->fact(b, "sample_shape", &shape) != SADDLE_OK)
    return SADDLE_ERROR;
  const int64_t points = shape.as.ints[0];
  const int64_t sizes[2] = {makes ? points : 1, makes ? latent.as.i : points};
  const saddle_parameter spec = {.struct_size = sizeof spec,
                                 .dim = 2,
                                 .name = "weight",
                                 .sizes = sizes,
                                 .layout = SADDLE_LAYOUT_LINEAR,
                                 .init = SADDLE_INIT_NORMAL,
                                 .b = 0.1};
  Instance* i = new_instance(b);
  i->output = makes ? "image" : "logit";
  if (b->parameter(b, &spec, &i->weight) != SADDLE_OK) {
    free(i);
    return SADDLE_ERROR;
  }
  *instance = i;
  return SADDLE_OK;
}

/* Owned; null when it fails. */
UNUSED saddle_tensor* sound_output(Instance* i, const saddle_call* call) {
  saddle_tensor* x = call->input(call, strcmp(i->output, "image") ? "image" : "z");
  const saddle_value args[3] = {of_tensor(x), of_tensor(call->parameters[i->weight]), none()};
  return apply(&linear_slot, args, 3);
}

/* Takes the tensor, which may be null. */
UNUSED saddle_status give(Instance* i, const saddle_call* call, saddle_tensor* tensor) {
  const saddle_status status = tensor ? call->output(call, i->output, tensor) : SADDLE_ERROR;
  host->release(tensor);
  return status;
}

UNUSED saddle_status sound_forward(void* instance, const saddle_call* call) {
  return give(instance, call, sound_output(instance, call));
}

/* The mean of the fake logits. Owned; null when it fails. */
UNUSED saddle_tensor* sound_term(const saddle_step* step) {
  saddle_tensor* logit = NULL;
  if (step->output(step, "discriminator", "fake", "logit", &logit) != SADDLE_OK) return NULL;
  const saddle_value args[2] = {of_tensor(logit), none()};
  return apply(&mean_slot, args, 2);
}

UNUSED saddle_status give_term(const saddle_step* step, saddle_tensor* tensor) {
  const saddle_status status = tensor ? step->term(step, "mean", tensor) : SADDLE_ERROR;
  host->release(tensor);
  return status;
}

UNUSED saddle_status sound_compute(void* instance, const saddle_step* step) {
  (void)instance;
  return give_term(step, sound_term(step));
}

/* 256 points on a line, with two classes. */
UNUSED saddle_status sound_info(void* instance, saddle_dataset_info* info) {
  static const saddle_split splits[] = {{"train", 256}};
  (void)instance;
  info->dtype = SADDLE_FLOAT32;
  info->dim = 1;
  info->shape[0] = 2;
  info->classes = 2;
  info->split_count = 1;
  info->splits = splits;
  return SADDLE_OK;
}
UNUSED saddle_status sound_fill(void* instance, uint32_t split, const int64_t* indices, int64_t count,
                                void* samples, int64_t* labels) {
  float* to = samples;
  (void)instance;
  (void)split;
  for (int64_t i = 0; i < count; ++i) {
    to[2 * i] = to[2 * i + 1] = (float)indices[i] / 256;
    if (labels) labels[i] = indices[i] % 2;
  }
  return SADDLE_OK;
}

UNUSED saddle_status sound_reference(void* instance, const saddle_samples* real) {
  (void)instance;
  (void)real;
  return SADDLE_OK;
}

/* ---- The tables ---- */

#define PARAMETERS                                                                            \
  "\"parameters\": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": {" \
  "\"after\": {\"type\": \"integer\", \"default\": 0, \"minimum\": 0}, "                      \
  "\"state\": {\"type\": \"string\", \"default\": \"\"}}}"
#ifndef MORE
#define MORE "" /* of the description */
#endif
#define DESCRIPTION(kind, name, roles)         \
  "{\"kind\": \"" kind "\", \"name\": \"" name \
  "\", \"version\": \"1\", \"doc\": \"breaks\", " PARAMETERS MORE ", \"roles\": {" roles "}}"
#define MODEL_ROLES                                                  \
  "\"generator\": {\"inputs\": [\"z\"], \"outputs\": [\"image\"]}, " \
  "\"discriminator\": {\"inputs\": [\"image\"], \"outputs\": [\"logit\"]}"
#define LOSS_ROLES                                          \
  "\"generator\": {\"needs\": [\"discriminator.logit\"]}, " \
  "\"discriminator\": {\"needs\": [\"discriminator.logit\"]}"

#define PLUGIN                                                                                 \
  static const saddle_component* const components[] = {&component};                            \
  static const saddle_plugin plugin = {.struct_size = sizeof plugin,                           \
                                       .abi_version = SADDLE_ABI_VERSION,                      \
                                       .name = NAME,                                           \
                                       .version = "1",                                         \
                                       .component_count = 1,                                   \
                                       .operator_count = sizeof operators / sizeof *operators, \
                                       .components = components,                               \
                                       .operators = operators};                                \
  EXPORT const saddle_plugin* saddle_plugin_v1(const saddle_host* table);                      \
  const saddle_plugin* saddle_plugin_v1(const saddle_host* table) {                            \
    host = table;                                                                              \
    return &plugin;                                                                            \
  }
#define COMPONENT(number, kind, roles, member, table)                                      \
  static const saddle_component component = {                                              \
      sizeof component, number, NAME, DESCRIPTION(kind, NAME, roles), {.member = &table}}; \
  PLUGIN

#define MODEL(create, forward)                                             \
  static const saddle_model model = {sizeof model, create, free, forward}; \
  COMPONENT(SADDLE_KIND_MODEL, "model", MODEL_ROLES, model, model)
#define LOSS(create, compute)                                           \
  static const saddle_loss loss = {sizeof loss, create, free, compute}; \
  COMPONENT(SADDLE_KIND_LOSS, "loss", LOSS_ROLES, loss, loss)
#define DATASET(fill)                                                                           \
  static const saddle_dataset dataset = {sizeof dataset, sound_create, free, sound_info, fill}; \
  COMPONENT(SADDLE_KIND_DATASET, "dataset", "", dataset, dataset)
#define METRIC(measure)                                                                              \
  static const saddle_metric metric = {sizeof metric, sound_create, free, sound_reference, measure}; \
  COMPONENT(SADDLE_KIND_METRIC, "metric", "", metric, metric)
