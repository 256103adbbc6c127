/* The hinge loss with a margin to choose, in C11 against abi.h alone.
 *
 *   gcc -std=c11 -O2 -shared -fPIC -fvisibility=hidden -I../include margin.c -o margin.so */
#include <saddle/abi_layout.h>
#include <stdlib.h>
#include <string.h>

static const saddle_host* host;

/* ---- The operators it uses: the host fills in the handles when it loads the plugin ---- */

static saddle_operator_slot rsub = {"aten::rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor",
                                    NULL};
static saddle_operator_slot relu = {"aten::relu(Tensor self) -> Tensor", NULL};
static saddle_operator_slot mean = {"aten::mean(Tensor self, *, ScalarType? dtype=None) -> Tensor", NULL};
static saddle_operator_slot neg = {"aten::neg(Tensor self) -> Tensor", NULL};
static saddle_operator_slot* const operators[] = {&rsub, &relu, &mean, &neg};

static saddle_value none(void) { return (saddle_value){SADDLE_NONE, 0, {0}}; }
static saddle_value number(double d) { return (saddle_value){SADDLE_DOUBLE, 0, {.d = d}}; }
static saddle_value tensor(saddle_tensor* t) { return (saddle_value){SADDLE_TENSOR, 0, {.tensor = t}}; }

/* Calls an operator of one result, which is owned; null when it failed. Null in, null out: so calls can be
 * chained, and only the last result needs to be looked at. `x` is the first argument, and is released. */
static saddle_tensor* apply(const saddle_operator_slot* op, saddle_tensor* x, uint32_t more, saddle_value a,
                            saddle_value b) {
  if (!x) return NULL;
  const saddle_value arguments[3] = {tensor(x), a, b};
  saddle_value result = none();
  const saddle_status status = host->call(op->handle, arguments, 1 + more, &result, 1);
  host->release(x);
  return status == SADDLE_OK ? result.as.tensor : NULL;
}

/* ---- The loss ---- */

typedef struct {
  double margin;
} Margin;

static saddle_status create(const saddle_builder* builder, void** instance) {
  saddle_value margin;
  if (builder->get(builder, "margin", &margin) != SADDLE_OK) return SADDLE_ERROR;
  Margin* self = malloc(sizeof *self);
  if (!self) {
    host->set_error("out of memory");
    return SADDLE_ERROR;
  }
  self->margin = margin.tag == SADDLE_INT ? (double)margin.as.i : margin.as.d;
  *instance = self;
  return SADDLE_OK;
}

/* The discriminator's logit of a sample, owned; null when that failed. */
static saddle_tensor* logit_of(const saddle_step* step, const char* sample) {
  saddle_tensor* logit = NULL; /* borrowed */
  if (step->output(step, "discriminator", sample, "logit", &logit) != SADDLE_OK) return NULL;
  host->retain(logit);
  return logit;
}

/* Hands over a term, and releases it. */
static saddle_status add_term(const saddle_step* step, const char* name, saddle_tensor* value) {
  if (!value) return SADDLE_ERROR; /* the host knows why */
  const saddle_status status = step->term(step, name, value);
  host->release(value);
  return status;
}

/* mean(relu(margin - sign * logit)) */
static saddle_status add_hinge(const Margin* self, const saddle_step* step, const char* sample, double sign) {
  saddle_tensor* x = logit_of(step, sample);
  x = apply(&rsub, x, 2, number(self->margin), number(sign));
  x = apply(&relu, x, 0, none(), none());
  return add_term(step, sample, apply(&mean, x, 1, none(), none()));
}

static saddle_status compute(void* instance, const saddle_step* step) {
  const Margin* self = instance;
  if (strcmp(step->role, "discriminator") == 0) {
    const saddle_status status = add_hinge(self, step, "real", 1);
    return status == SADDLE_OK ? add_hinge(self, step, "fake", -1) : status;
  }
  saddle_tensor* x = apply(&mean, logit_of(step, "fake"), 1, none(), none());
  return add_term(step, "fake", apply(&neg, x, 0, none(), none()));
}

/* ---- What the plugin says of itself ---- */

static const char description[] =
    "{\"kind\": \"loss\", \"name\": \"margin\", \"version\": \"1\","
    " \"doc\": \"Hinge loss whose margin is a parameter.\","
    " \"parameters\": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": {"
    "\"margin\": {\"type\": \"number\", \"default\": 1, \"minimum\": 0,"
    " \"description\": \"distance from the boundary that is far enough\"}}},"
    " \"roles\": {\"discriminator\": {\"needs\": [\"discriminator.logit\"]},"
    " \"generator\": {\"needs\": [\"discriminator.logit\"]}}}";

static const saddle_loss loss = {sizeof loss, create, free, compute};
static const saddle_component component = {
    sizeof component, SADDLE_KIND_LOSS, "margin", description, {.loss = &loss}};
static const saddle_component* const components[] = {&component};
static const saddle_plugin plugin = {
    .struct_size = sizeof plugin,
    .abi_version = SADDLE_ABI_VERSION,
    .name = "margin",
    .version = "1",
    .component_count = 1,
    .components = components,
    .operator_count = sizeof operators / sizeof *operators,
    .operators = operators,
};

__attribute__((visibility("default"))) const saddle_plugin* saddle_plugin_v1(const saddle_host* table);
const saddle_plugin* saddle_plugin_v1(const saddle_host* table) {
  host = table;
  return &plugin;
}
