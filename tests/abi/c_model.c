/* A model, a loss and a metric in plain C11, against abi.h alone: y = relu(x W^T), its mean, and the number
 * of rows. */
#include <saddle/abi.h>
#include <stdlib.h>

static const saddle_host* host;
static saddle_operator_slot relu_slot = {"aten::relu(Tensor self) -> Tensor", NULL};
static saddle_operator_slot linear_slot = {
    "aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor", NULL};
static saddle_operator_slot mean_slot = {"aten::mean(Tensor self, *, ScalarType? dtype=None) -> Tensor",
                                         NULL};

typedef struct {
  uint32_t weight;
} Model;

static saddle_value of_tensor(saddle_tensor* t) {
  saddle_value v = {SADDLE_TENSOR, 0, {0}};
  v.as.tensor = t;
  return v;
}

static saddle_status model_create(const saddle_builder* b, void** instance) {
  saddle_value width;
  if (b->get(b, "width", &width) != SADDLE_OK) return SADDLE_ERROR;
  if (width.tag != SADDLE_INT) {
    host->set_error("width is not an integer");
    return SADDLE_ERROR;
  }
  const int64_t sizes[2] = {width.as.i, 3};
  saddle_parameter spec = {sizeof spec,        2,   "weight", sizes,           SADDLE_LAYOUT_LINEAR,
                           SADDLE_INIT_NORMAL, 0.0, 1.0,      SADDLE_NORM_NONE};
  Model* m = calloc(1, sizeof *m);
  if (b->parameter(b, &spec, &m->weight) != SADDLE_OK) {
    free(m);
    return SADDLE_ERROR;
  }
  *instance = m;
  return SADDLE_OK;
}

static saddle_status model_forward(void* instance, const saddle_call* call) {
  const Model* m = instance;
  saddle_tensor* x = call->input(call, "image");
  if (!x) {
    host->set_error("no image");
    return SADDLE_ERROR;
  }
  const saddle_value args[3] = {of_tensor(x), of_tensor(call->parameters[m->weight]), {SADDLE_NONE, 0, {0}}};
  saddle_value hidden, out;
  if (host->call(linear_slot.handle, args, 3, &hidden, 1) != SADDLE_OK) return SADDLE_ERROR;
  saddle_status status = host->call(relu_slot.handle, &hidden, 1, &out, 1);
  host->release(hidden.as.tensor);
  if (status != SADDLE_OK) return status;
  status = call->output(call, "logit", out.as.tensor);
  host->release(out.as.tensor);
  return status;
}

static const saddle_model model = {sizeof(saddle_model), model_create, free, model_forward};

static saddle_status loss_create(const saddle_builder* b, void** instance) {
  (void)b;
  *instance = calloc(1, 1);
  return SADDLE_OK;
}
static saddle_status loss_compute(void* instance, const saddle_step* step) {
  (void)instance;
  saddle_tensor* logit = NULL;
  if (step->output(step, "discriminator", "real", "logit", &logit) != SADDLE_OK) return SADDLE_ERROR;
  const saddle_value args[2] = {of_tensor(logit), {SADDLE_NONE, 0, {0}}};
  saddle_value mean;
  if (host->call(mean_slot.handle, args, 2, &mean, 1) != SADDLE_OK) return SADDLE_ERROR;
  const saddle_status status = step->term(step, "mean", mean.as.tensor);
  host->release(mean.as.tensor);
  return status;
}
static const saddle_loss loss = {sizeof(saddle_loss), loss_create, free, loss_compute};

static const saddle_component c_model = {
    sizeof(saddle_component),
    SADDLE_KIND_MODEL,
    "c_model",
    "{\"kind\": \"model\", \"name\": \"c_model\", \"version\": \"1\", \"doc\": \"written in C\", "
    "\"parameters\": "
    "{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {\"width\": {\"type\": "
    "\"integer\", "
    "\"default\": 4}}}, \"roles\": {\"discriminator\": {\"inputs\": [\"image\"], \"outputs\": [\"logit\"]}}}",
    {&model}};
static const saddle_component c_loss = {sizeof(saddle_component),
                                        SADDLE_KIND_LOSS,
                                        "c_loss",
                                        "{\"kind\": \"loss\", \"name\": \"c_loss\", \"version\": \"1\", "
                                        "\"doc\": \"written in C\", \"parameters\": "
                                        "{\"type\": \"object\", \"additionalProperties\": false, "
                                        "\"properties\": {}}, \"roles\": {\"discriminator\": "
                                        "{\"needs\": [\"discriminator.logit\"]}}}",
                                        {.loss = &loss}};

static const saddle_component* const components[] = {&c_model, &c_loss};
static saddle_operator_slot* const operators[] = {&relu_slot, &linear_slot, &mean_slot};
static const saddle_plugin plugin = {
    sizeof(saddle_plugin), SADDLE_ABI_VERSION, "c_fixture", "1", 2, 3, components, operators};

__attribute__((visibility("default"))) const saddle_plugin* saddle_plugin_v1(const saddle_host* table);
const saddle_plugin* saddle_plugin_v1(const saddle_host* table) {
  host = table;
  return &plugin;
}
