# saddle_add_plugin(NAME SOURCE...): a shared library that Saddle can load.
#
# Builds NAME.so with hidden visibility, without a `lib` prefix, and with every
# symbol resolved at link time; the one exported symbol is saddle_plugin_v1.
function(saddle_add_plugin name)
  # Not a variable of this file: a plugin may be added from a folder that did not include it.
  set(exports ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/exports.map)
  add_library(${name} MODULE ${ARGN})
  target_link_libraries(${name} PRIVATE saddle::plugin_api)
  target_compile_features(${name} PRIVATE cxx_std_20)
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
