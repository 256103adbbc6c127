/* A host in C without LibTorch, whose tensors are single numbers, with plugins that the SDK made: what an
 * older host, whose structs are shorter, does with a newer plugin.
 *
 * usage: older_host CASE PLUGIN; ends with 0 when all is as expected. */
#include <dlfcn.h>
#include <saddle/abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(condition)                                                                          \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      fprintf(stderr, "%s:%d: expected %s\n  error: %s\n", __FILE__, __LINE__, #condition, error); \
      exit(1);                                                                                     \
    }                                                                                              \
  } while (0)

static char error[1000];
static int alive; /* tensors that somebody holds */

struct saddle_tensor {
  double value;
  int references;
};

static saddle_tensor* new_tensor(double value) {
  saddle_tensor* tensor = malloc(sizeof *tensor);
  tensor->value = value;
  tensor->references = 1;
  ++alive;
  return tensor;
}

/* ---- The table ---- */

static void set_error(const char* message) { snprintf(error, sizeof error, "%s", message); }
static const char* last_error(void) { return error; }
static void log_line(int32_t level, const char* message) { fprintf(stderr, "%d %s\n", (int)level, message); }
static const void* no_extension(const char* id) {
  (void)id;
  return NULL;
}

/* An operator is its schema. */
static saddle_status call(const saddle_operator* op, const saddle_value* args, uint32_t arg_count,
                          saddle_value* results, uint32_t result_count) {
  const char* schema = (const char*)op;
  (void)arg_count;
  (void)result_count;
  double value = args[0].as.tensor->value;
  if (strncmp(schema, "aten::rsub.Scalar(", 18) == 0) {
    value = args[1].as.d - value;
  } else if (strncmp(schema, "aten::relu(", 11) == 0) {
    value = value > 0 ? value : 0;
  } else if (strncmp(schema, "aten::mean(", 11) != 0) {
    set_error(schema);
    return SADDLE_ERROR;
  }
  results[0].tag = SADDLE_TENSOR;
  results[0].as.tensor = new_tensor(value);
  return SADDLE_OK;
}

static void retain(saddle_tensor* tensor) {
  if (tensor) ++tensor->references;
}
static void release(saddle_tensor* tensor) {
  if (!tensor || --tensor->references) return;
  --alive;
  free(tensor);
}
static const int64_t* sizes(const saddle_tensor* tensor, uint32_t* dim) {
  (void)tensor;
  *dim = 0;
  return NULL;
}
static saddle_dtype dtype(const saddle_tensor* tensor) {
  (void)tensor;
  return SADDLE_FLOAT64;
}
static int32_t requires_grad(const saddle_tensor* tensor) {
  (void)tensor;
  return 0;
}
static void* data(saddle_tensor* tensor) { return &tensor->value; }
static saddle_status from_data(const void* from, saddle_dtype type, const int64_t* shape, uint32_t dim,
                               saddle_tensor** result) {
  (void)type;
  (void)shape;
  (void)dim;
  *result = new_tensor(*(const double*)from);
  return SADDLE_OK;
}
static saddle_status item(const saddle_tensor* tensor, double* result) {
  *result = tensor->value;
  return SADDLE_OK;
}
static saddle_status grad(saddle_tensor* const* outputs, saddle_tensor* const* grad_outputs,
                          uint32_t output_count, saddle_tensor* const* inputs, uint32_t input_count,
                          uint32_t flags, saddle_tensor** results) {
  (void)outputs;
  (void)grad_outputs;
  (void)output_count;
  (void)inputs;
  (void)input_count;
  (void)flags;
  (void)results;
  set_error("no gradients here");
  return SADDLE_ERROR;
}
static int32_t set_grad_enabled(int32_t enabled) {
  (void)enabled;
  return 0;
}

/* ---- What is lent to the plugin ---- */

static saddle_status get(const saddle_builder* builder, const char* name, saddle_value* value) {
  (void)builder;
  EXPECT(strcmp(name, "margin") == 0);
  value->tag = SADDLE_DOUBLE;
  value->as.d = 2.0;
  return SADDLE_OK;
}

static saddle_tensor* logit;
static double term_value;

static saddle_status output(const saddle_step* step, const char* model, const char* sample, const char* name,
                            saddle_tensor** tensor) {
  (void)step;
  EXPECT(strcmp(model, "discriminator") == 0 && strcmp(sample, "real") == 0 && strcmp(name, "logit") == 0);
  *tensor = logit;
  return SADDLE_OK;
}
static saddle_status term(const saddle_step* step, const char* name, saddle_tensor* value) {
  (void)step;
  EXPECT(strcmp(name, "real") == 0);
  term_value = value->value;
  return SADDLE_OK;
}

/* Fills the operators and runs one update, which must end with `expected`; structs are as long as in the
 * first layout. */
static void run(const saddle_plugin* plugin, saddle_status expected) {
  EXPECT(plugin->abi_version == SADDLE_ABI_VERSION && plugin->component_count == 1);
  for (uint32_t i = 0; i < plugin->operator_count; ++i)
    plugin->operators[i]->handle = (const saddle_operator*)plugin->operators[i]->schema;
  const saddle_loss* loss = plugin->components[0]->as.loss;

  saddle_builder builder = {
      offsetof(saddle_builder, buffer) + 8, NULL, "", "{}", get, NULL, NULL, NULL, NULL};
  void* instance = NULL;
  EXPECT(loss->create(&builder, &instance) == SADDLE_OK);

  saddle_step step;
  memset(&step, 0xdb, sizeof step); /* what is past its end is not null */
  step.struct_size = offsetof(saddle_step, model_parameter);
  step.training = 1;
  step.role = "discriminator";
  step.round = 0;
  step.parameters = step.buffers = NULL;
  step.output = output;
  step.term = term;
  logit = new_tensor(0.5);
  EXPECT(loss->compute(instance, &step) == expected);
  EXPECT(expected != SADDLE_OK || term_value == 1.5);
  loss->destroy(instance);
  release(logit);
  EXPECT(alive == 0);
}

int main(int argc, char** argv) {
  EXPECT(argc == 3);
  void* library = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
  if (!library) set_error(dlerror());
  EXPECT(library);
  saddle_plugin_entry entry;
  *(void**)&entry = dlsym(library, SADDLE_ENTRY_NAME);
  EXPECT(entry);

  saddle_host host = {sizeof host, 1,         set_error, last_error, log_line,        no_extension,
                      call,        retain,    release,   sizes,      dtype,           requires_grad,
                      data,        from_data, item,      grad,       set_grad_enabled};
  struct {
    saddle_host known;
    void* later[4];
  } newer = {host, {NULL, NULL, NULL, NULL}};
  const char* what = argv[1];

  if (strcmp(what, "same") == 0) {
    run(entry(&host), SADDLE_OK);
  } else if (strcmp(what, "newer") == 0) {
    newer.known.struct_size = sizeof newer;
    newer.known.abi_version = 2; /* the newest it speaks; it still loads version 1 */
    run(entry(&newer.known), SADDLE_OK);
  } else if (strcmp(what, "without_grad") == 0) {
    host.struct_size = offsetof(saddle_host, grad);
    EXPECT(entry(&host) == NULL);
    EXPECT(strcmp(error, "needs the host's function 'grad', which this older host lacks") == 0);
  } else if (strcmp(what, "null_call") == 0) {
    host.call = NULL;
    EXPECT(entry(&host) == NULL);
    EXPECT(strcmp(error, "needs the host's function 'call', which this older host lacks") == 0);
  } else if (strcmp(what, "without_extension") == 0) {
    EXPECT(entry(&host) == NULL);
    EXPECT(strcmp(error, "needs the extension " SADDLE_EXTENSION_FUNCTION ", which this host lacks") == 0);
  } else if (strcmp(what, "without_model_parameter") == 0) {
    run(entry(&host), SADDLE_ERROR);
    EXPECT(strstr(error, "older") != NULL);
  } else if (strcmp(what, "without_anything") == 0) {
    host.struct_size = offsetof(saddle_host, set_error);
    EXPECT(entry(&host) == NULL); /* and nobody to tell why */
  } else {
    set_error("no such case");
    EXPECT(what == NULL);
  }
  return 0;
}
