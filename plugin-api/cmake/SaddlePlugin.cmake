# saddle_add_plugin(NAME SOURCE...): a shared library that Saddle can load.
#
# Builds NAME.so with hidden visibility, without a `lib` prefix, and with every
# symbol resolved at link time; the one exported symbol is saddle_plugin_v1.
set(SADDLE_PLUGIN_EXPORTS ${CMAKE_CURRENT_LIST_DIR}/exports.map)
function(saddle_add_plugin name)
  add_library(${name} MODULE ${ARGN})
  target_link_libraries(${name} PRIVATE saddle::plugin_api)
  target_compile_features(${name} PRIVATE cxx_std_20)
  set_target_properties(${name} PROPERTIES
    PREFIX "" CXX_VISIBILITY_PRESET hidden C_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    CXX_EXTENSIONS OFF)
  # Never unloaded: the host may still hold callbacks of it when the process ends.
  target_link_options(${name} PRIVATE -Wl,-z,defs -Wl,-z,nodelete
    -Wl,--version-script=${SADDLE_PLUGIN_EXPORTS})
  set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS ${SADDLE_PLUGIN_EXPORTS})
  if(SADDLE_PLUGIN_OUTPUT_DIRECTORY)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${SADDLE_PLUGIN_OUTPUT_DIRECTORY})
  endif()
endfunction()
