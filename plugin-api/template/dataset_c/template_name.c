/* Points on two spirals in the plane; the class says on which. A data set for Saddle in plain C11: no SDK,
 * only the tables of saddle/abi.h. Samples are made when asked for. */
#include <saddle/abi.h>

#include <math.h>
#include <stdlib.h>

static const saddle_host* host; /* set once, when the plugin is loaded */

typedef struct template_name {
  int64_t size; /* points for training; a quarter as many for test */
  double deviation;
  saddle_split splits[2]; /* what `info` points to must live as long as the instance */
} template_name;

static saddle_status fail(const char* why) {
  host->set_error(why);
  return SADDLE_ERROR;
}

/* A number from 0 to 1 that depends on its arguments alone, so that every run sees the same data (the mixing
 * of splitmix64: Steele, Lea and Flood 2014). */
static double noise(uint64_t sample, uint64_t which) {
  uint64_t x = 0x9e3779b97f4a7c15u * (2 * sample + which + 1);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return (double)((x ^ (x >> 31)) >> 11) * 0x1p-53;
}

static saddle_status create(const saddle_builder* builder, void** instance) {
  saddle_value size, deviation;
  if (builder->get(builder, "size", &size) != SADDLE_OK) return SADDLE_ERROR;
  if (builder->get(builder, "deviation", &deviation) != SADDLE_OK) return SADDLE_ERROR;
  if (size.tag != SADDLE_INT) return fail("size is not an integer");
  if (deviation.tag != SADDLE_DOUBLE && deviation.tag != SADDLE_INT) return fail("deviation is not a number");
  template_name* self = malloc(sizeof *self);
  if (!self) return fail("out of memory");
  self->size = size.as.i;
  self->deviation = deviation.tag == SADDLE_INT ? (double)deviation.as.i : deviation.as.d;
  self->splits[0] = (saddle_split){"train", self->size};
  self->splits[1] = (saddle_split){"test", self->size / 4};
  *instance = self;
  return SADDLE_OK;
}

static saddle_status info(void* instance, saddle_dataset_info* info) {
  template_name* self = instance;
  info->concurrent = 1; /* fill touches nothing that another thread may touch */
  info->dtype = SADDLE_FLOAT32;
  info->dim = 1;
  info->shape[0] = 2;
  info->classes = 2;
  info->split_count = 2;
  info->splits = self->splits;
  info->version = "1";
  return SADDLE_OK;
}

static saddle_status fill(void* instance, uint32_t split, const int64_t* indices, int64_t count,
                          void* samples, int64_t* labels) {
  const template_name* self = instance;
  float* to = samples;
  if (split > 1) return fail("there are two splits");
  for (int64_t k = 0; k < count; ++k) {
    const int64_t i = indices[k];
    if (i < 0 || i >= self->splits[split].size) return fail("there is no such sample");
    const uint64_t sample = (uint64_t)(split == 0 ? i : self->size + i);
    const double pi = 3.14159265358979323846, along = sqrt(noise(sample, 0));
    const double angle = 3 * pi * along + (i % 2 ? pi : 0);
    *to++ = (float)(along * cos(angle) + self->deviation * (2 * noise(sample, 1) - 1));
    *to++ = (float)(along * sin(angle) + self->deviation * (2 * noise(sample, 2) - 1));
    if (labels) labels[k] = i % 2;
  }
  return SADDLE_OK;
}

static const saddle_dataset table = {sizeof(saddle_dataset), create, free, info, fill};

/* What it says of itself before it exists; plugin-api/ABI.md lists the keys. */
static const saddle_component component = {
    .struct_size = sizeof(saddle_component),
    .kind = SADDLE_KIND_DATASET,
    .name = "template_name",
    .description =
        "{\"kind\": \"dataset\", \"name\": \"template_name\", \"version\": \"1\","
        " \"doc\": \"Points on two interleaved spirals, one a class.\","
        " \"parameters\": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": {"
        "  \"size\": {\"type\": \"integer\", \"default\": 4096, \"minimum\": 4,"
        "   \"description\": \"points for training; a quarter as many for test\"},"
        "  \"deviation\": {\"type\": \"number\", \"default\": 0.02, \"minimum\": 0,"
        "   \"description\": \"how far a point may be from its spiral\"}}},"
        " \"roles\": {}}",
    .as = {.dataset = &table},
};
static const saddle_component* const components[] = {&component};
static const saddle_plugin plugin = {
    .struct_size = sizeof(saddle_plugin),
    .abi_version = SADDLE_ABI_VERSION,
    .name = "template_name",
    .version = "1",
    .component_count = 1,
    .components = components,
};

/* The one function that the host looks for. */
__attribute__((visibility("default"))) const saddle_plugin* saddle_plugin_v1(
    const saddle_host* table_of_host);
const saddle_plugin* saddle_plugin_v1(const saddle_host* table_of_host) {
  host = table_of_host;
  return &plugin;
}
