/* The layout of abi.h, asserted field by field: it is the contract, on every 64-bit platform, for ever.
 * Written by `plugin-api/layout/layout.py update` whenever abi.h grows; not to be edited. */
#ifndef SADDLE_ABI_LAYOUT_H
#define SADDLE_ABI_LAYOUT_H

#include <saddle/abi.h>

#ifdef __cplusplus
#define SADDLE_ASSERT(expression) static_assert(expression, #expression)
#else
#define SADDLE_ASSERT(expression) _Static_assert(expression, #expression)
#endif
#define SADDLE_SIZE(type, size) SADDLE_ASSERT(sizeof(type) == (size))
#define SADDLE_FIELD(type, field, offset, size) \
  SADDLE_ASSERT(offsetof(type, field) == (offset) && sizeof(((type*)0)->field) == (size))
#define SADDLE_NUMBER(name, value) SADDLE_ASSERT((name) == (value))

/* clang-format off */

SADDLE_SIZE(saddle_value, 16);
SADDLE_FIELD(saddle_value, tag, 0, 4);
SADDLE_FIELD(saddle_value, count, 4, 4);
SADDLE_FIELD(saddle_value, as, 8, 8);
SADDLE_FIELD(saddle_value, as.i, 8, 8);
SADDLE_FIELD(saddle_value, as.d, 8, 8);
SADDLE_FIELD(saddle_value, as.tensor, 8, 8);
SADDLE_FIELD(saddle_value, as.string, 8, 8);
SADDLE_FIELD(saddle_value, as.ints, 8, 8);
SADDLE_FIELD(saddle_value, as.doubles, 8, 8);
SADDLE_FIELD(saddle_value, as.strings, 8, 8);
SADDLE_FIELD(saddle_value, as.tensors, 8, 8);

SADDLE_SIZE(saddle_operator_slot, 16);
SADDLE_FIELD(saddle_operator_slot, schema, 0, 8);
SADDLE_FIELD(saddle_operator_slot, handle, 8, 8);

SADDLE_SIZE(saddle_host, 128);
SADDLE_FIELD(saddle_host, struct_size, 0, 4);
SADDLE_FIELD(saddle_host, abi_version, 4, 4);
SADDLE_FIELD(saddle_host, set_error, 8, 8);
SADDLE_FIELD(saddle_host, last_error, 16, 8);
SADDLE_FIELD(saddle_host, log, 24, 8);
SADDLE_FIELD(saddle_host, extension, 32, 8);
SADDLE_FIELD(saddle_host, call, 40, 8);
SADDLE_FIELD(saddle_host, retain, 48, 8);
SADDLE_FIELD(saddle_host, release, 56, 8);
SADDLE_FIELD(saddle_host, sizes, 64, 8);
SADDLE_FIELD(saddle_host, dtype, 72, 8);
SADDLE_FIELD(saddle_host, requires_grad, 80, 8);
SADDLE_FIELD(saddle_host, data, 88, 8);
SADDLE_FIELD(saddle_host, from_data, 96, 8);
SADDLE_FIELD(saddle_host, item, 104, 8);
SADDLE_FIELD(saddle_host, grad, 112, 8);
SADDLE_FIELD(saddle_host, set_grad_enabled, 120, 8);

SADDLE_SIZE(saddle_parameter, 64);
SADDLE_FIELD(saddle_parameter, struct_size, 0, 4);
SADDLE_FIELD(saddle_parameter, dim, 4, 4);
SADDLE_FIELD(saddle_parameter, name, 8, 8);
SADDLE_FIELD(saddle_parameter, sizes, 16, 8);
SADDLE_FIELD(saddle_parameter, layout, 24, 4);
SADDLE_FIELD(saddle_parameter, init, 28, 4);
SADDLE_FIELD(saddle_parameter, a, 32, 8);
SADDLE_FIELD(saddle_parameter, b, 40, 8);
SADDLE_FIELD(saddle_parameter, norm, 48, 4);
SADDLE_FIELD(saddle_parameter, own, 56, 8);

SADDLE_SIZE(saddle_buffer, 40);
SADDLE_FIELD(saddle_buffer, struct_size, 0, 4);
SADDLE_FIELD(saddle_buffer, dim, 4, 4);
SADDLE_FIELD(saddle_buffer, name, 8, 8);
SADDLE_FIELD(saddle_buffer, sizes, 16, 8);
SADDLE_FIELD(saddle_buffer, value, 24, 8);
SADDLE_FIELD(saddle_buffer, own, 32, 8);

SADDLE_SIZE(saddle_builder, 72);
SADDLE_FIELD(saddle_builder, struct_size, 0, 4);
SADDLE_FIELD(saddle_builder, context, 8, 8);
SADDLE_FIELD(saddle_builder, role, 16, 8);
SADDLE_FIELD(saddle_builder, config, 24, 8);
SADDLE_FIELD(saddle_builder, get, 32, 8);
SADDLE_FIELD(saddle_builder, fact, 40, 8);
SADDLE_FIELD(saddle_builder, parameter, 48, 8);
SADDLE_FIELD(saddle_builder, buffer, 56, 8);
SADDLE_FIELD(saddle_builder, first_pass, 64, 8);

SADDLE_SIZE(saddle_call, 64);
SADDLE_FIELD(saddle_call, struct_size, 0, 4);
SADDLE_FIELD(saddle_call, training, 4, 4);
SADDLE_FIELD(saddle_call, context, 8, 8);
SADDLE_FIELD(saddle_call, parameters, 16, 8);
SADDLE_FIELD(saddle_call, buffers, 24, 8);
SADDLE_FIELD(saddle_call, input, 32, 8);
SADDLE_FIELD(saddle_call, output, 40, 8);
SADDLE_FIELD(saddle_call, parameter_count, 48, 4);
SADDLE_FIELD(saddle_call, buffer_count, 52, 4);
SADDLE_FIELD(saddle_call, set, 56, 8);

SADDLE_SIZE(saddle_model, 32);
SADDLE_FIELD(saddle_model, struct_size, 0, 4);
SADDLE_FIELD(saddle_model, create, 8, 8);
SADDLE_FIELD(saddle_model, destroy, 16, 8);
SADDLE_FIELD(saddle_model, forward, 24, 8);

SADDLE_SIZE(saddle_named_tensor, 16);
SADDLE_FIELD(saddle_named_tensor, name, 0, 8);
SADDLE_FIELD(saddle_named_tensor, tensor, 8, 8);

SADDLE_SIZE(saddle_model_parameter, 40);
SADDLE_FIELD(saddle_model_parameter, struct_size, 0, 4);
SADDLE_FIELD(saddle_model_parameter, layout, 4, 4);
SADDLE_FIELD(saddle_model_parameter, norm, 8, 4);
SADDLE_FIELD(saddle_model_parameter, trained, 12, 4);
SADDLE_FIELD(saddle_model_parameter, name, 16, 8);
SADDLE_FIELD(saddle_model_parameter, weight, 24, 8);
SADDLE_FIELD(saddle_model_parameter, raw, 32, 8);

SADDLE_SIZE(saddle_step, 88);
SADDLE_FIELD(saddle_step, struct_size, 0, 4);
SADDLE_FIELD(saddle_step, training, 4, 4);
SADDLE_FIELD(saddle_step, context, 8, 8);
SADDLE_FIELD(saddle_step, role, 16, 8);
SADDLE_FIELD(saddle_step, round, 24, 8);
SADDLE_FIELD(saddle_step, parameters, 32, 8);
SADDLE_FIELD(saddle_step, buffers, 40, 8);
SADDLE_FIELD(saddle_step, input, 48, 8);
SADDLE_FIELD(saddle_step, output, 56, 8);
SADDLE_FIELD(saddle_step, run, 64, 8);
SADDLE_FIELD(saddle_step, term, 72, 8);
SADDLE_FIELD(saddle_step, model_parameter, 80, 8);

SADDLE_SIZE(saddle_loss, 32);
SADDLE_FIELD(saddle_loss, struct_size, 0, 4);
SADDLE_FIELD(saddle_loss, create, 8, 8);
SADDLE_FIELD(saddle_loss, destroy, 16, 8);
SADDLE_FIELD(saddle_loss, compute, 24, 8);

SADDLE_SIZE(saddle_split, 16);
SADDLE_FIELD(saddle_split, name, 0, 8);
SADDLE_FIELD(saddle_split, size, 8, 8);

SADDLE_SIZE(saddle_dataset_info, 88);
SADDLE_FIELD(saddle_dataset_info, struct_size, 0, 4);
SADDLE_FIELD(saddle_dataset_info, concurrent, 4, 4);
SADDLE_FIELD(saddle_dataset_info, dtype, 8, 4);
SADDLE_FIELD(saddle_dataset_info, dim, 12, 4);
SADDLE_FIELD(saddle_dataset_info, shape, 16, 32);
SADDLE_FIELD(saddle_dataset_info, classes, 48, 8);
SADDLE_FIELD(saddle_dataset_info, split_count, 56, 4);
SADDLE_FIELD(saddle_dataset_info, splits, 64, 8);
SADDLE_FIELD(saddle_dataset_info, version, 72, 8);
SADDLE_FIELD(saddle_dataset_info, facts, 80, 8);

SADDLE_SIZE(saddle_dataset, 40);
SADDLE_FIELD(saddle_dataset, struct_size, 0, 4);
SADDLE_FIELD(saddle_dataset, create, 8, 8);
SADDLE_FIELD(saddle_dataset, destroy, 16, 8);
SADDLE_FIELD(saddle_dataset, info, 24, 8);
SADDLE_FIELD(saddle_dataset, fill, 32, 8);

SADDLE_SIZE(saddle_samples, 24);
SADDLE_FIELD(saddle_samples, struct_size, 0, 4);
SADDLE_FIELD(saddle_samples, features, 8, 8);
SADDLE_FIELD(saddle_samples, labels, 16, 8);

SADDLE_SIZE(saddle_report, 24);
SADDLE_FIELD(saddle_report, struct_size, 0, 4);
SADDLE_FIELD(saddle_report, context, 8, 8);
SADDLE_FIELD(saddle_report, number, 16, 8);

SADDLE_SIZE(saddle_metric, 40);
SADDLE_FIELD(saddle_metric, struct_size, 0, 4);
SADDLE_FIELD(saddle_metric, create, 8, 8);
SADDLE_FIELD(saddle_metric, destroy, 16, 8);
SADDLE_FIELD(saddle_metric, reference, 24, 8);
SADDLE_FIELD(saddle_metric, measure, 32, 8);

SADDLE_SIZE(saddle_function, 32);
SADDLE_FIELD(saddle_function, struct_size, 0, 4);
SADDLE_FIELD(saddle_function, output_count, 4, 4);
SADDLE_FIELD(saddle_function, forward, 8, 8);
SADDLE_FIELD(saddle_function, backward, 16, 8);
SADDLE_FIELD(saddle_function, destroy, 24, 8);

SADDLE_SIZE(saddle_function_extension, 16);
SADDLE_FIELD(saddle_function_extension, struct_size, 0, 4);
SADDLE_FIELD(saddle_function_extension, apply, 8, 8);

SADDLE_SIZE(saddle_trial_extension, 64);
SADDLE_FIELD(saddle_trial_extension, struct_size, 0, 4);
SADDLE_FIELD(saddle_trial_extension, cancelled, 8, 8);
SADDLE_FIELD(saddle_trial_extension, progress, 16, 8);
SADDLE_FIELD(saddle_trial_extension, scalar, 24, 8);
SADDLE_FIELD(saddle_trial_extension, picture, 32, 8);
SADDLE_FIELD(saddle_trial_extension, file, 40, 8);
SADDLE_FIELD(saddle_trial_extension, random, 48, 8);
SADDLE_FIELD(saddle_trial_extension, full_precision, 56, 8);

SADDLE_SIZE(saddle_weights_extension, 48);
SADDLE_FIELD(saddle_weights_extension, struct_size, 0, 4);
SADDLE_FIELD(saddle_weights_extension, open, 8, 8);
SADDLE_FIELD(saddle_weights_extension, close, 16, 8);
SADDLE_FIELD(saddle_weights_extension, count, 24, 8);
SADDLE_FIELD(saddle_weights_extension, name, 32, 8);
SADDLE_FIELD(saddle_weights_extension, read, 40, 8);

SADDLE_SIZE(saddle_component, 32);
SADDLE_FIELD(saddle_component, struct_size, 0, 4);
SADDLE_FIELD(saddle_component, kind, 4, 4);
SADDLE_FIELD(saddle_component, name, 8, 8);
SADDLE_FIELD(saddle_component, description, 16, 8);
SADDLE_FIELD(saddle_component, as, 24, 8);
SADDLE_FIELD(saddle_component, as.model, 24, 8);
SADDLE_FIELD(saddle_component, as.loss, 24, 8);
SADDLE_FIELD(saddle_component, as.dataset, 24, 8);
SADDLE_FIELD(saddle_component, as.metric, 24, 8);

SADDLE_SIZE(saddle_plugin, 64);
SADDLE_FIELD(saddle_plugin, struct_size, 0, 4);
SADDLE_FIELD(saddle_plugin, abi_version, 4, 4);
SADDLE_FIELD(saddle_plugin, name, 8, 8);
SADDLE_FIELD(saddle_plugin, version, 16, 8);
SADDLE_FIELD(saddle_plugin, component_count, 24, 4);
SADDLE_FIELD(saddle_plugin, operator_count, 28, 4);
SADDLE_FIELD(saddle_plugin, components, 32, 8);
SADDLE_FIELD(saddle_plugin, operators, 40, 8);
SADDLE_FIELD(saddle_plugin, extensions, 48, 8);
SADDLE_FIELD(saddle_plugin, extension_count, 56, 4);
SADDLE_FIELD(saddle_plugin, reserved, 60, 4);

SADDLE_NUMBER(SADDLE_OK, 0);
SADDLE_NUMBER(SADDLE_ERROR, 1);
SADDLE_NUMBER(SADDLE_CANCELLED, 2);
SADDLE_NUMBER(SADDLE_UINT8, 0);
SADDLE_NUMBER(SADDLE_INT32, 1);
SADDLE_NUMBER(SADDLE_INT64, 2);
SADDLE_NUMBER(SADDLE_FLOAT32, 3);
SADDLE_NUMBER(SADDLE_FLOAT64, 4);
SADDLE_NUMBER(SADDLE_BOOL8, 5);
SADDLE_NUMBER(SADDLE_BFLOAT16, 6);
SADDLE_NUMBER(SADDLE_FLOAT16, 7);
SADDLE_NUMBER(SADDLE_OTHER_DTYPE, 255);
SADDLE_NUMBER(SADDLE_NONE, 0);
SADDLE_NUMBER(SADDLE_TENSOR, 1);
SADDLE_NUMBER(SADDLE_INT, 2);
SADDLE_NUMBER(SADDLE_DOUBLE, 3);
SADDLE_NUMBER(SADDLE_BOOL, 4);
SADDLE_NUMBER(SADDLE_STRING, 5);
SADDLE_NUMBER(SADDLE_INT_LIST, 6);
SADDLE_NUMBER(SADDLE_DOUBLE_LIST, 7);
SADDLE_NUMBER(SADDLE_STRING_LIST, 8);
SADDLE_NUMBER(SADDLE_TENSOR_LIST, 9);
SADDLE_NUMBER(SADDLE_DTYPE, 10);
SADDLE_NUMBER(SADDLE_LOG_DEBUG, 0);
SADDLE_NUMBER(SADDLE_LOG_INFO, 1);
SADDLE_NUMBER(SADDLE_LOG_WARNING, 2);
SADDLE_NUMBER(SADDLE_LOG_ERROR, 3);
SADDLE_NUMBER(SADDLE_GRAD_CREATE_GRAPH, 1);
SADDLE_NUMBER(SADDLE_GRAD_ALLOW_UNUSED, 2);
SADDLE_NUMBER(SADDLE_LAYOUT_OTHER, 0);
SADDLE_NUMBER(SADDLE_LAYOUT_LINEAR, 1);
SADDLE_NUMBER(SADDLE_LAYOUT_CONV, 2);
SADDLE_NUMBER(SADDLE_LAYOUT_CONV_TRANSPOSE, 3);
SADDLE_NUMBER(SADDLE_LAYOUT_EMBEDDING, 4);
SADDLE_NUMBER(SADDLE_INIT_ZEROS, 0);
SADDLE_NUMBER(SADDLE_INIT_CONSTANT, 1);
SADDLE_NUMBER(SADDLE_INIT_NORMAL, 2);
SADDLE_NUMBER(SADDLE_INIT_UNIFORM, 3);
SADDLE_NUMBER(SADDLE_INIT_XAVIER_UNIFORM, 4);
SADDLE_NUMBER(SADDLE_INIT_XAVIER_NORMAL, 5);
SADDLE_NUMBER(SADDLE_INIT_HE_UNIFORM, 6);
SADDLE_NUMBER(SADDLE_INIT_HE_NORMAL, 7);
SADDLE_NUMBER(SADDLE_INIT_ORTHOGONAL, 8);
SADDLE_NUMBER(SADDLE_NORM_NONE, 0);
SADDLE_NUMBER(SADDLE_NORM_SPECTRAL, 1);
SADDLE_NUMBER(SADDLE_NORM_WEIGHT, 2);
SADDLE_NUMBER(SADDLE_KIND_MODEL, 1);
SADDLE_NUMBER(SADDLE_KIND_LOSS, 2);
SADDLE_NUMBER(SADDLE_KIND_DATASET, 3);
SADDLE_NUMBER(SADDLE_KIND_METRIC, 4);
SADDLE_NUMBER(SADDLE_KIND_TRANSFORM, 5);

/* clang-format on */

#undef SADDLE_NUMBER
#undef SADDLE_FIELD
#undef SADDLE_SIZE
#undef SADDLE_ASSERT

#endif
