# saddle_add_plugin(NAME SOURCE...): a shared library that Saddle can load.
#
# Builds NAME.so with hidden visibility, without a `lib` prefix, and with every
# symbol resolved at link time; the one exported symbol is saddle_plugin_v1.
function(saddle_add_plugin name)
  # Not a variable of this file: a plugin may be added from a folder that did not include it.
  set(exports ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/exports.map)
  add_library(${name} MODULE ${ARGN})
  target_link_libraries(${name} PRIVATE saddle::plugin_api)
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(CXX IN_LIST languages)  # a plugin may be plain C
    target_compile_features(${name} PRIVATE cxx_std_20)
  endif()
  set_target_properties(${name} PROPERTIES
    PREFIX "" CXX_VISIBILITY_PRESET hidden C_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    CXX_EXTENSIONS OFF)
  # Never unloaded: the host may still hold callbacks of it when the process ends.
  target_link_options(${name} PRIVATE -Wl,-z,defs -Wl,-z,nodelete
    -Wl,--version-script=${exports})
  set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS ${exports})
  if(SADDLE_PLUGIN_OUTPUT_DIRECTORY)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${SADDLE_PLUGIN_OUTPUT_DIRECTORY})
  endif()
endfunction()

# saddle_add_native_plugin(NAME SOURCE...): one that includes <saddle/torch.hpp>. LIBTORCH (variable or environment)
# is the folder, with include/ and lib/, of the LibTorch that the worker was built with.
#
# No run path: the worker that opens the plugin has LibTorch loaded already.
function(saddle_add_native_plugin name)
  set(libtorch ${LIBTORCH})
  if(NOT libtorch)
    set(libtorch $ENV{LIBTORCH})
  endif()
  if(NOT EXISTS ${libtorch}/lib/libtorch_cpu.so)
    message(FATAL_ERROR "saddle_add_native_plugin(${name}): no lib/libtorch_cpu.so in LIBTORCH (\"${libtorch}\"). "
      "Set -DLIBTORCH=FOLDER to the LibTorch that the worker runs with: saddle doctor names it")
  endif()
  saddle_add_plugin(${name} ${ARGN})
  target_include_directories(${name} SYSTEM PRIVATE
    ${libtorch}/include ${libtorch}/include/torch/csrc/api/include)
  target_link_libraries(${name} PRIVATE ${libtorch}/lib/libtorch_cpu.so ${libtorch}/lib/libc10.so)
  # LibTorch is built with NDEBUG, and the layout of some of its classes depends on it.
  target_compile_definitions(${name} PRIVATE NDEBUG)
  target_link_options(${name} PRIVATE -Wl,-rpath-link,${libtorch}/lib)
  set_target_properties(${name} PROPERTIES SKIP_BUILD_RPATH ON INSTALL_RPATH "")
endfunction()
