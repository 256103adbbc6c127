/* A model in C, logit = relu(image W^T), whose structs are as long as the file that includes this says: an
 * older plugin's are shorter than those of this header, a newer one's longer. What lies in memory behind what
 * a struct_size covers is garbage. */
#include <saddle/abi.h>
#include <stdlib.h>

#define GARBAGE ((void*)(uintptr_t)0xdbdbdbdbdbdbdbdbu)
#define WITH_TAIL(type) \
  struct {              \
    type known;         \
    void* beyond[3];    \
  }

#ifndef PLUGIN_SIZE
#define PLUGIN_SIZE sizeof(saddle_plugin)
#endif
#ifndef COMPONENT_SIZE
#define COMPONENT_SIZE sizeof(saddle_component)
#endif
#ifndef MODEL_SIZE
#define MODEL_SIZE sizeof(saddle_model)
#endif
#ifndef PARAMETER_SIZE
#define PARAMETER_SIZE sizeof(saddle_parameter)
#endif
#ifndef BUFFER_SIZE
#define BUFFER_SIZE sizeof(saddle_buffer)
#endif
#ifndef OWN
#define OWN NULL /* of the parameter and the buffer */
#endif
#ifndef ABI_VERSION
#define ABI_VERSION SADDLE_ABI_VERSION
#endif
#ifndef EXTENSIONS
#define EXTENSIONS NULL
#define EXTENSION_COUNT 0
#endif
#ifndef RELU
#define RELU "aten::relu(Tensor self) -> Tensor"
#endif
#ifdef SHARP
#define MORE_ARGUMENTS , sharp
#else
#define MORE_ARGUMENTS
#endif

static const saddle_host* host;
static saddle_operator_slot linear_slot = {
    "aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor", NULL};
static saddle_operator_slot relu_slot = {RELU, NULL};

static saddle_value tensor_value(saddle_tensor* tensor) {
  saddle_value value = {SADDLE_TENSOR, 0, {0}};
  value.as.tensor = tensor;
  return value;
}

static saddle_status create(const saddle_builder* builder, void** instance) {
  static const int64_t sizes[2] = {4, 3};
  const WITH_TAIL(saddle_parameter) weight = {{PARAMETER_SIZE, 2, "weight", sizes, SADDLE_LAYOUT_LINEAR,
                                               SADDLE_INIT_NORMAL, 0, 1, SADDLE_NORM_NONE, OWN},
                                              {GARBAGE, GARBAGE, GARBAGE}};
  const WITH_TAIL(saddle_buffer)
      count = {{BUFFER_SIZE, 1, "count", sizes, 2.5, OWN}, {GARBAGE, GARBAGE, GARBAGE}};
  uint32_t index;
  if (builder->parameter(builder, &weight.known, &index) != SADDLE_OK) return SADDLE_ERROR;
  if (builder->buffer(builder, &count.known, &index) != SADDLE_OK) return SADDLE_ERROR;
  *instance = malloc(1);
  return SADDLE_OK;
}

#ifdef SHARP
static const saddle_value sharp = {SADDLE_BOOL, 0, {SHARP}};
#endif

static saddle_status relu(const saddle_value* hidden, saddle_value* result) {
  const saddle_value arguments[] = {*hidden MORE_ARGUMENTS};
  return host->call(relu_slot.handle, arguments, sizeof arguments / sizeof *arguments, result, 1);
}

static saddle_status forward(void* instance, const saddle_call* call) {
  (void)instance;
  const saddle_value arguments[3] = {
      tensor_value(call->input(call, "image")), tensor_value(call->parameters[0]), {SADDLE_NONE, 0, {0}}};
  saddle_value hidden, logit;
  if (host->call(linear_slot.handle, arguments, 3, &hidden, 1) != SADDLE_OK) return SADDLE_ERROR;
  saddle_status status = relu(&hidden, &logit);
  host->release(hidden.as.tensor);
  if (status != SADDLE_OK) return status;
  status = call->output(call, "logit", logit.as.tensor);
  host->release(logit.as.tensor);
  return status;
}

static const WITH_TAIL(saddle_model) model = {{MODEL_SIZE, create, free, forward},
                                              {GARBAGE, GARBAGE, GARBAGE}};
static const WITH_TAIL(saddle_component) component = {
    {COMPONENT_SIZE,
     SADDLE_KIND_MODEL,
     "negotiated",
     "{\"kind\": \"model\", \"name\": \"negotiated\", \"version\": \"1\", \"doc\": \"of another time\", "
     "\"parameters\": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": {}}, "
     "\"roles\": {\"discriminator\": {\"inputs\": [\"image\"], \"outputs\": [\"logit\"]}}}",
     {&model.known}},
    {GARBAGE, GARBAGE, GARBAGE}};
static const saddle_component* const components[] = {&component.known};
static saddle_operator_slot* const operators[] = {&linear_slot, &relu_slot};
static const WITH_TAIL(saddle_plugin) plugin = {{PLUGIN_SIZE, ABI_VERSION, "negotiation", "1", 1, 2,
                                                 components, operators, EXTENSIONS, EXTENSION_COUNT, 0},
                                                {GARBAGE, GARBAGE, GARBAGE}};

__attribute__((visibility("default"))) const saddle_plugin* saddle_plugin_v1(const saddle_host* table);
const saddle_plugin* saddle_plugin_v1(const saddle_host* table) {
  host = table;
  return &plugin.known;
}
