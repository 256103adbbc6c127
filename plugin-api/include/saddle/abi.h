/* Saddle's plugin ABI, version 1. Plain C11; needs nothing but this file.
 *
 * A plugin is a shared library that exports one function, saddle_plugin_v1.
 * The host calls it once with a table of host functions; the plugin answers
 * with a table of components: models, losses, data sets, metrics, transforms.
 * Tensors are opaque handles. A plugin computes by calling the host's operators
 * (ATen's, found by schema), so it links no tensor library, and gradients, mixed
 * precision and CUDA streams work as they do in the host.
 *
 * Rules that hold everywhere
 * - Every struct that either side may extend begins with `uint32_t struct_size`,
 *   set by whoever fills the struct. Fields are only ever appended. A reader
 *   must treat a field that lies beyond struct_size as null or zero.
 * - No C++ type, exception, allocator or FILE* crosses.
 * - Functions that can fail return saddle_status. The side that fails first
 *   says why: a plugin through host->set_error, the host so that
 *   host->last_error returns the text. On failure no output is written.
 * - Text is UTF-8, ends in NUL, and belongs to whoever passes it. What the host
 *   passes into a call is valid until that call returns. What a plugin puts in
 *   its tables must live as long as the process: plugins are never unloaded.
 * - Tensor handles are counted. "Borrowed": valid during the call, not yours to
 *   release; retain it to keep it. "Owned": release it once.
 * - Threads: unless a comment says otherwise a function is called on, and may
 *   only be called from, the thread that runs the trial. One instance is never
 *   used by two threads at once, except a data set that says `concurrent`.
 *
 * What may change
 * - Never: the place, type and meaning of anything below, and the entry's name. A binary
 *   built against any release of version 1 loads in every later host.
 * - At any release: fields appended to structs that begin with struct_size, numbers
 *   appended to enums, extensions. A plugin that cannot do without an extension lists it
 *   in saddle_plugin.extensions; a host that lacks it refuses the plugin by that name.
 * - A newer plugin in an older host works as far as it uses what that host has:
 *   struct_size and null say what is there.
 * abi_layout.h asserts every size and place; plugin-api/layout keeps those of every release.
 */
#ifndef SADDLE_ABI_H
#define SADDLE_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SADDLE_ABI_VERSION 1
#define SADDLE_ENTRY_NAME "saddle_plugin_v1"

/* Whether a struct that the other side filled reaches as far as `field`. Ask before you read a field that a
 * later release appended: SADDLE_HAS(saddle_step, step, model_parameter) && step->model_parameter. */
#define SADDLE_HAS(type, pointer, field) \
  ((pointer)->struct_size >= offsetof(type, field) + sizeof((pointer)->field))

/* SADDLE_CANCELLED: the trial is to end, and the function stopped for it; no failure. */
typedef int32_t saddle_status;
enum { SADDLE_OK = 0, SADDLE_ERROR = 1, SADDLE_CANCELLED = 2 };

/* Opaque. A tensor lives in the host; an operator is the host's, for the life of the process. */
typedef struct saddle_tensor saddle_tensor;
typedef struct saddle_operator saddle_operator;

/* Element types. */
typedef int32_t saddle_dtype;
enum {
  SADDLE_UINT8 = 0,
  SADDLE_INT32 = 1,
  SADDLE_INT64 = 2,
  SADDLE_FLOAT32 = 3,
  SADDLE_FLOAT64 = 4,
  SADDLE_BOOL8 = 5,
  SADDLE_BFLOAT16 = 6,
  SADDLE_FLOAT16 = 7,
  SADDLE_OTHER_DTYPE = 255
};

/* ---- Values: what goes into and comes out of operators, and configuration ---- */

enum {
  SADDLE_NONE = 0,        /* an absent optional argument */
  SADDLE_TENSOR = 1,      /* as.tensor */
  SADDLE_INT = 2,         /* as.i */
  SADDLE_DOUBLE = 3,      /* as.d */
  SADDLE_BOOL = 4,        /* as.i: 0 or 1 */
  SADDLE_STRING = 5,      /* as.string */
  SADDLE_INT_LIST = 6,    /* as.ints, count */
  SADDLE_DOUBLE_LIST = 7, /* as.doubles, count */
  SADDLE_STRING_LIST = 8, /* as.strings, count */
  SADDLE_TENSOR_LIST = 9, /* as.tensors, count; a null element is an absent tensor */
  SADDLE_DTYPE = 10       /* as.i: a saddle_dtype */
};

typedef struct saddle_value {
  uint32_t tag;
  uint32_t count; /* elements of a list, else 0 */
  union {
    int64_t i;
    double d;
    saddle_tensor* tensor;
    const char* string;
    const int64_t* ints;
    const double* doubles;
    const char* const* strings;
    saddle_tensor* const* tensors;
  } as;
} saddle_value;

/* An operator that a plugin uses. The plugin fills `schema`, for example
 * "aten::relu(Tensor self) -> Tensor"; the host fills `handle` when it loads the
 * plugin, and refuses the plugin, by the operator's name, when it has none that
 * accepts the same call. So an operator is never missing in the middle of a run. */
typedef struct saddle_operator_slot {
  const char* schema;
  const saddle_operator* handle;
} saddle_operator_slot;

/* ---- The host ---- */

enum { SADDLE_LOG_DEBUG = 0, SADDLE_LOG_INFO = 1, SADDLE_LOG_WARNING = 2, SADDLE_LOG_ERROR = 3 };

/* Flags of saddle_host.grad. */
enum {
  SADDLE_GRAD_CREATE_GRAPH = 1, /* the gradients can themselves be differentiated (gradient penalties) */
  SADDLE_GRAD_ALLOW_UNUSED = 2  /* null instead of an error where an input has no influence */
};

typedef struct saddle_host {
  uint32_t struct_size;
  uint32_t abi_version; /* the newest the host speaks; it still loads every older one from 1 on */

  /* Says why the function that is about to return SADDLE_ERROR fails. Copied. Any
   * thread; each has its own. */
  void (*set_error)(const char* message);
  /* Text of the last failed host call on this thread. Borrowed until the next host call. Never null. */
  const char* (*last_error)(void);
  /* One line for the attempt's log. Any thread. */
  void (*log)(int32_t level, const char* message);
  /* A named ability added after version 1, or null when this host lacks it. Any thread. */
  const void* (*extension)(const char* id);

  /* Calls an operator. `args` are borrowed, given in the order of the schema that
   * was asked for; the host converts an int where a double is due and checks
   * every tag, so a wrong call is an error, never undefined behaviour.
   * `results` receives exactly result_count values. Result tensors are owned by
   * the caller. A tensor list in a result: its array belongs to the host until
   * the next host call on this thread, its elements are owned by the caller.
   * A `Device?` argument given as none means the trial's device. May be called
   * from callbacks that autograd runs on its own thread. */
  saddle_status (*call)(const saddle_operator* op, const saddle_value* args, uint32_t arg_count,
                        saddle_value* results, uint32_t result_count);

  /* One more, one fewer reference. Null is ignored. Any thread. */
  void (*retain)(saddle_tensor* tensor);
  void (*release)(saddle_tensor* tensor);

  /* Sizes, as many as *dim says; borrowed for as long as the handle is held and not resized. */
  const int64_t* (*sizes)(const saddle_tensor* tensor, uint32_t* dim);
  saddle_dtype (*dtype)(const saddle_tensor* tensor);
  int32_t (*requires_grad)(const saddle_tensor* tensor);

  /* The elements, in row-major order, of a contiguous tensor in host memory; null
   * for any other (make it so with operators first). Borrowed; valid while the
   * handle is held. */
  void* (*data)(saddle_tensor* tensor);
  /* A new tensor on the trial's device with a copy of `data` (row-major). Owned. */
  saddle_status (*from_data)(const void* data, saddle_dtype dtype, const int64_t* sizes, uint32_t dim,
                             saddle_tensor** result);
  /* The one element of a tensor, as a double. On a GPU this waits for the device: not
   * for use in every step. */
  saddle_status (*item)(const saddle_tensor* tensor, double* result);

  /* Gradients of the sum of outputs[k] * grad_outputs[k] with respect to `inputs`.
   * grad_outputs may be null, and so may each element: every element of that
   * output then counts with weight one. results[i] is owned by the caller and has the shape
   * of inputs[i]. The graph is kept. */
  saddle_status (*grad)(saddle_tensor* const* outputs, saddle_tensor* const* grad_outputs,
                        uint32_t output_count, saddle_tensor* const* inputs, uint32_t input_count,
                        uint32_t flags, saddle_tensor** results);
  /* Switches the recording of gradients on this thread; returns what it was. */
  int32_t (*set_grad_enabled)(int32_t enabled);
} saddle_host;

/* ---- Building a component ---- */

/* What a weight is to its layer: it fixes fan-in and fan-out and the matrix that
 * spectral norm and orthogonal initialisation see. */
enum {
  SADDLE_LAYOUT_OTHER = 0,          /* biases, gains, anything without a matrix in it */
  SADDLE_LAYOUT_LINEAR = 1,         /* (out, in) */
  SADDLE_LAYOUT_CONV = 2,           /* (out, in / groups, k...) */
  SADDLE_LAYOUT_CONV_TRANSPOSE = 3, /* (in, out / groups, k...) */
  SADDLE_LAYOUT_EMBEDDING = 4       /* (number, features) */
};

/* Initialisers; a and b as given. */
enum {
  SADDLE_INIT_ZEROS = 0,
  SADDLE_INIT_CONSTANT = 1,       /* a */
  SADDLE_INIT_NORMAL = 2,         /* mean a, standard deviation b */
  SADDLE_INIT_UNIFORM = 3,        /* from a to b */
  SADDLE_INIT_XAVIER_UNIFORM = 4, /* gain a (Glorot and Bengio 2010) */
  SADDLE_INIT_XAVIER_NORMAL = 5,  /* gain a */
  SADDLE_INIT_HE_UNIFORM = 6,     /* gain a, fan-in (He et al. 2015) */
  SADDLE_INIT_HE_NORMAL = 7,      /* gain a, fan-in */
  SADDLE_INIT_ORTHOGONAL = 8      /* gain a (Saxe et al. 2014), on the (out, rest) matrix */
};

/* Normalisations of a weight. The host applies them: a component gets the normalised weight. */
enum { SADDLE_NORM_NONE = 0, SADDLE_NORM_SPECTRAL = 1, SADDLE_NORM_WEIGHT = 2 };

typedef struct saddle_parameter {
  uint32_t struct_size;
  uint32_t dim;
  const char* name; /* unique in the instance; dots make a path: "block1.conv2.weight" */
  const int64_t* sizes;
  int32_t layout;
  int32_t init;
  double a, b;
  int32_t norm;
  /* Null, or the tensor with which the component itself computes, whatever it finds in `parameters` (a module
   * that keeps its own weights). The host then trains this very tensor: it is the leaf, or holds the
   * normalised weight, during the updates of its player. Its values are the initial ones, unless the grid
   * asks for an initialiser. The component still must compute with `parameters` where that is another tensor.
   * Borrowed. */
  saddle_tensor* own;
} saddle_parameter;

/* A tensor that is saved but not trained, such as a running mean. Float32, filled with `value`. */
typedef struct saddle_buffer {
  uint32_t struct_size;
  uint32_t dim;
  const char* name;
  const int64_t* sizes;
  double value;
  saddle_tensor* own; /* as in saddle_parameter; its values are the initial ones, and `value` is not used */
} saddle_buffer;

/* Passed to `create`. The host may call `create` on a builder without tensors,
 * to learn shapes: `create` declares and remembers, it computes nothing. */
typedef struct saddle_builder saddle_builder;
struct saddle_builder {
  uint32_t struct_size;
  void* context;
  const char* role;   /* what a model is to play, for example "generator"; "" for other kinds */
  const char* config; /* the component's parameters as JSON text, defaults filled in and checked */

  /* A parameter of the component by name; tag none when there is none of that name.
   * Lists and strings are borrowed until `create` returns. */
  saddle_status (*get)(const saddle_builder* builder, const char* name, saddle_value* value);
  /* A fact of the trial; tag none when unknown. Known facts:
   *   sample_shape  int list: [channels, height, width] of pictures, [n] of points
   *   classes       int: number of classes, 0 without labels
   *   models        string list: the models of the game, by the names of their players
   *   latent_size   int: length of z
   *   batch, precision, pass  int, string, string: train's. parameters.MODEL  int: how many numbers it has
   *   data_init     bool, to models: true where the grid asks for weights that start from data
   *   data_folder   string: where a data set looks for files that its parameters do not name
   *   dataset.KEY   what the data set said of itself in its `facts`
   *   shape.MODEL.OUTPUT  int list, to losses: the sizes of one sample of an output that one of the trial's
   *                 losses says it needs (logits and images apart), for heads of its own on it */
  saddle_status (*fact)(const saddle_builder* builder, const char* name, saddle_value* value);
  /* Declares a parameter (models and losses only) or a buffer (transforms, too).
   * *index is its place in the arrays `parameters` or `buffers` of every later call. */
  saddle_status (*parameter)(const saddle_builder* builder, const saddle_parameter* spec, uint32_t* index);
  saddle_status (*buffer)(const saddle_builder* builder, const saddle_buffer* spec, uint32_t* index);
  /* Models: asks for the pass over the trial's first batch in which saddle_call.set is given. */
  saddle_status (*first_pass)(const saddle_builder* builder);
};

/* ---- Models and transforms ---- */

/* One forward pass. */
typedef struct saddle_call saddle_call;
struct saddle_call {
  uint32_t struct_size;
  int32_t training; /* 1: batch statistics, dropout; 0: evaluation */
  void* context;
  /* In the order of declaration; borrowed. Normalised weights come normalised. Buffers may be changed in
   * place. */
  saddle_tensor* const* parameters;
  saddle_tensor* const* buffers;
  /* An input of the role by name; borrowed; null when the trial has none of that name. The batch is the first
   * dimension. */
  saddle_tensor* (*input)(const saddle_call* call, const char* name);
  /* Hands over an output of the role. The host takes a reference of its own. */
  saddle_status (*output)(const saddle_call* call, const char* name, saddle_tensor* tensor);
  uint32_t parameter_count; /* lengths of the arrays above */
  uint32_t buffer_count;
  /* Null but in the first pass, which a model gets that asked for it (saddle_builder.first_pass): before the
   * first round, on one batch of the trial, in evaluation, without a graph. There it gives a parameter a new
   * weight: with weight norm, the normalised one. Buffers are changed in place. */
  saddle_status (*set)(const saddle_call* call, uint32_t parameter, saddle_tensor* weight);
};

/* A model; also a transform: input and output "image", no parameters. What it remembers it keeps in buffers.
 * With the first picture after an update of the discriminator it has the input "real_logit" as well: that
 * update's logits of real samples, without a graph; null with every other picture. */
typedef struct saddle_model {
  uint32_t struct_size;
  /* Of every kind: `create` puts into *instance what the host hands to all later calls. `destroy` is called
   * once with it; not when `create` failed, nor for null. */
  saddle_status (*create)(const saddle_builder* builder, void** instance);
  void (*destroy)(void* instance);
  saddle_status (*forward)(void* instance, const saddle_call* call);
} saddle_model;

/* ---- Losses ---- */

typedef struct saddle_named_tensor {
  const char* name;
  saddle_tensor* tensor;
} saddle_named_tensor;

/* A parameter of a model of the game. */
typedef struct saddle_model_parameter {
  uint32_t struct_size; /* set by the caller */
  int32_t layout;
  int32_t norm;
  int32_t trained;  /* 1: it belongs to the player that is being updated, and the terms may depend on it */
  const char* name; /* null past the last one */
  saddle_tensor* weight; /* as the model computes with it, normalised; borrowed */
  saddle_tensor* raw;    /* as the optimiser moves it; the same tensor where there is no norm; borrowed */
} saddle_model_parameter;

/* One update of one player. Outputs are computed when first asked for, and kept for the update. */
typedef struct saddle_step saddle_step;
struct saddle_step {
  uint32_t struct_size;
  int32_t training;
  void* context;
  const char* role; /* the player that is being updated */
  int64_t round;
  saddle_tensor* const* parameters; /* the loss's own, if it declared any */
  saddle_tensor* const* buffers;

  /* A tensor of a sample, as "real.image", "real.label", "fake.image", "latent.z", "real.augmented" (as
   * models get it); borrowed. *tensor is null when the trial has none of that name, such as labels. The
   * sample "labelled" is a batch of those real ones whose labels a semi-supervised game may see
   * (dataset.labelled), and "real" then has none; without that key it is any real ones. */
  saddle_status (*input)(const saddle_step* step, const char* name, saddle_tensor** tensor);
  /* An output of a model on a sample: output(step, "discriminator", "real", "logit"); borrowed. */
  saddle_status (*output)(const saddle_step* step, const char* model, const char* sample, const char* name,
                          saddle_tensor** tensor);
  /* Runs a model on inputs of the loss's making. results[i] is the output named names[i]; owned by the
   * caller. */
  saddle_status (*run)(const saddle_step* step, const char* model, const saddle_named_tensor* inputs,
                       uint32_t input_count, const char* const* names, uint32_t name_count,
                       saddle_tensor** results);
  /* Adds a scalar to what the player minimises. The host weights, sums and records it. */
  saddle_status (*term)(const saddle_step* step, const char* name, saddle_tensor* value);

  /* The index-th parameter of a model, for penalties on weights. */
  saddle_status (*model_parameter)(const saddle_step* step, const char* model, uint32_t index,
                                   saddle_model_parameter* parameter);
};

typedef struct saddle_loss {
  uint32_t struct_size;
  saddle_status (*create)(const saddle_builder* builder, void** instance);
  void (*destroy)(void* instance);
  saddle_status (*compute)(void* instance, const saddle_step* step);
} saddle_loss;

/* ---- Data sets: plain buffers, no tensors ---- */

typedef struct saddle_split {
  const char* name; /* "train", "test" */
  int64_t size;
} saddle_split;

typedef struct saddle_dataset_info {
  uint32_t struct_size; /* set by the host; fill no field beyond it */
  int32_t concurrent;   /* 1: `fill` may run on several threads at once, on any thread */
  saddle_dtype dtype;   /* SADDLE_UINT8: pictures, 0 to 255; SADDLE_FLOAT32: points, as they are */
  uint32_t dim;         /* of one sample */
  int64_t shape[4];     /* [channels, height, width], or [n] */
  int64_t classes;      /* 0 without labels */
  uint32_t split_count;
  const saddle_split* splits; /* lives as long as the instance */
  const char* version;        /* of the data: kept with every metric; null or lives as long as the instance */
  const char* facts; /* a JSON object of further facts, such as the modes of a toy set; null if none */
} saddle_dataset_info;

typedef struct saddle_dataset {
  uint32_t struct_size;
  saddle_status (*create)(const saddle_builder* builder, void** instance);
  void (*destroy)(void* instance);
  saddle_status (*info)(void* instance, saddle_dataset_info* info);
  /* `split`: a place in info's `splits`. Writes `count` samples, one after the other, and their labels (0 ..
   * classes - 1; labels is null when not wanted). */
  saddle_status (*fill)(void* instance, uint32_t split, const int64_t* indices, int64_t count, void* samples,
                        int64_t* labels);
} saddle_dataset;

/* ---- Metrics ---- */

/* One set of samples as the protocol prepared it. */
typedef struct saddle_samples {
  uint32_t struct_size;
  /* [count, n] float32 in host memory: pixels, points, or a model's output. Borrowed. */
  saddle_tensor* features;
  saddle_tensor* labels; /* [count] int64, or null; borrowed */
} saddle_samples;

typedef struct saddle_report saddle_report;
struct saddle_report {
  uint32_t struct_size;
  void* context;
  /* Hands over one number of the metric; the name is copied. */
  saddle_status (*number)(const saddle_report* report, const char* name, double value);
};

typedef struct saddle_metric {
  uint32_t struct_size;
  saddle_status (*create)(const saddle_builder* builder, void** instance);
  void (*destroy)(void* instance);
  /* The real set; called before the first measure, and again only when it changes. Keep
   * here what is costly. */
  saddle_status (*reference)(void* instance, const saddle_samples* real);
  saddle_status (*measure)(void* instance, const saddle_samples* fake, const saddle_report* report);
} saddle_metric;

/* ---- Extensions: what host->extension(id) returns ---- */

/* A differentiable function of the plugin's own making, or a stretch of a model of which nothing is kept. */
#define SADDLE_EXTENSION_FUNCTION "saddle.function/1"

typedef struct saddle_function {
  uint32_t struct_size;
  uint32_t output_count;
  /* Fills `outputs` with owned tensors, of which the host becomes the owner. `inputs` are borrowed. For a
   * function with a `backward`, gradients are not recorded here. */
  saddle_status (*forward)(void* data, saddle_tensor* const* inputs, uint32_t input_count,
                           saddle_tensor** outputs);
  /* Fills `input_gradients` with owned tensors shaped as the inputs, or null for zero. `output_gradients[k]`
   * has the shape of `outputs[k]`, or is null where nothing depends on it. Gradients are recorded here when
   * somebody differentiates the gradient, so operators on the given tensors are all it takes to be
   * differentiable twice. May be called on another thread than `forward`, and more than once; not where no
   * gradient arrives. requires_grad(inputs[i]) tells whether that gradient is worth its time.
   *
   * Null: a checkpointed segment. The host runs `forward` again in the backward pass, with the same random
   * numbers and precision, and differentiates it: of all that it computes nothing is kept in between. Every
   * tensor that is to get a gradient, weights too, must be among the inputs (one that is not is an error
   * then); what it changes in place is changed twice. It cannot be differentiated twice: a gradient penalty
   * through it is an error. */
  saddle_status (*backward)(void* data, saddle_tensor* const* inputs, uint32_t input_count,
                            saddle_tensor* const* outputs, saddle_tensor* const* output_gradients,
                            saddle_tensor** input_gradients);
  /* The last use of `data`, also after an error. Any thread. May be null. */
  void (*destroy)(void* data);
} saddle_function;

typedef struct saddle_function_extension {
  uint32_t struct_size;
  /* Runs the function and makes its node in the graph. results: output_count owned tensors. `function` is
   * copied; `data` is the host's until it calls destroy, which happens even when this fails. May be called
   * wherever operators may. */
  saddle_status (*apply)(const saddle_function* function, void* data, saddle_tensor* const* inputs,
                         uint32_t input_count, saddle_tensor** results);
} saddle_function_extension;

/* The trial around a component. Outside of a trial (probe, check) the records go to the log. Of what is
 * recorded under one name more than once in a round the last counts. */
#define SADDLE_EXTENSION_TRIAL "saddle.trial/1"

typedef struct saddle_trial_extension {
  uint32_t struct_size;
  /* 1 once the trial is asked to end: stop what takes long and return SADDLE_CANCELLED. The attempt then ends
   * as cancelled; from `create` and `measure` nothing is lost by it, from within a round what was trained
   * since the last checkpoint. Short functions need not ask. Any thread. */
  int32_t (*cancelled)(void);
  /* Says how far something long has come, such as reading a data set: shown to the user. total 0: unknown.
   * Any thread. */
  void (*progress)(const char* what, int64_t done, int64_t total);
  /* Kept with the trial's metrics, at the present round, as "COMPONENT/name": "digits/name" of a data set,
   * "PLAYER/dcgan/name" of a model, "PLAYER/hinge/name" of a loss while it computes for that player. */
  saddle_status (*scalar)(const char* name, double value);
  /* Kept as a PNG among the trial's artifacts. image: [C, H, W] or [N, C, H, W] (drawn as a sheet), C 1 or 3,
   * float from -1 to 1 or uint8. */
  saddle_status (*picture)(const char* name, saddle_tensor* image);
  /* A copy of the file at `path`, as it is now, is kept among the trial's artifacts. Like a picture's, the
   * name is made of letters, digits, '_', '-' and '.'. */
  saddle_status (*file)(const char* name, const char* path, const char* media_type);
  /* 64 random bits from a generator of the trial, which checkpoints save: for what operators such as
   * randn_like cannot draw. The same seed gives the same bits, also in a trial that was resumed. */
  saddle_status (*random)(uint64_t* bits);
  /* 1: until the matching 0 this thread computes in full float32, models that it runs included, also in a
   * trial of bfloat16: what was computed before, such as an output of a step, stays as it is. Calls nest, and
   * each is matched before the component returns. On CUDA the first one turns TF32 off for the rest of the
   * trial, since gradients are computed later. */
  saddle_status (*full_precision)(int32_t on);
} saddle_trial_extension;

/* Tensors from a safetensors file, such as pretrained weights that a parameter of the component names. */
#define SADDLE_EXTENSION_WEIGHTS "saddle.weights/1"

typedef struct saddle_weights saddle_weights;

typedef struct saddle_weights_extension {
  uint32_t struct_size;
  /* Opens and checks the file; a relative path is taken from the folder in which saddle was started.
   * *weights is the caller's to close, and used by one thread at a time. */
  saddle_status (*open)(const char* path, saddle_weights** weights);
  void (*close)(saddle_weights* weights);
  uint32_t (*count)(const saddle_weights* weights);
  /* In the order of the file; valid until close; null past the last one. */
  const char* (*name)(const saddle_weights* weights, uint32_t index);
  /* A copy on the trial's device, in its own type. Owned. */
  saddle_status (*read)(const saddle_weights* weights, const char* name, saddle_tensor** result);
} saddle_weights_extension;

/* ---- The plugin ---- */

enum {
  SADDLE_KIND_MODEL = 1,
  SADDLE_KIND_LOSS = 2,
  SADDLE_KIND_DATASET = 3,
  SADDLE_KIND_METRIC = 4,
  SADDLE_KIND_TRANSFORM = 5
};

typedef struct saddle_component {
  uint32_t struct_size;
  int32_t kind;
  const char* name;        /* as `use` in a config: lower case, digits, underscores */
  const char* description; /* JSON; its keys are listed in plugin-api/ABI.md */
  union {
    const saddle_model* model; /* also a transform's */
    const saddle_loss* loss;
    const saddle_dataset* dataset;
    const saddle_metric* metric;
  } as;
} saddle_component;

typedef struct saddle_plugin {
  uint32_t struct_size;
  uint32_t abi_version; /* the version the plugin was written against and speaks */
  const char* name;
  const char* version;
  uint32_t component_count;
  uint32_t operator_count;
  const saddle_component* const* components;
  saddle_operator_slot* const* operators; /* slots that the host fills */
  /* Ids of the extensions that the plugin cannot do without. */
  const char* const* extensions;
  uint32_t extension_count;
  uint32_t reserved; /* 0 */
} saddle_plugin;

/* The entry. Called once per process, before anything else of the plugin; null means
 * failure, after set_error. `host` stays valid for the life of the process. */
typedef const saddle_plugin* (*saddle_plugin_entry)(const saddle_host* host);

#ifdef __cplusplus
}
#endif

#endif
