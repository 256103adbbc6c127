# find_package(SaddlePlugin): the target saddle::plugin_api (headers) and the function saddle_add_plugin.
#
# This one file serves an installed tree (PREFIX/lib/cmake/SaddlePlugin) and a checkout that was never built
# (-DSaddlePlugin_DIR=CHECKOUT/plugin-api/cmake).
get_filename_component(_include "${CMAKE_CURRENT_LIST_DIR}/../include" ABSOLUTE)
if(NOT EXISTS "${_include}/saddle/abi.h")
  get_filename_component(_include "${CMAKE_CURRENT_LIST_DIR}/../../../include" ABSOLUTE)
endif()
if(NOT EXISTS "${_include}/saddle/abi.h")
  set(SaddlePlugin_FOUND FALSE)
  set(SaddlePlugin_NOT_FOUND_MESSAGE "no include/saddle/abi.h beside ${CMAKE_CURRENT_LIST_DIR}")
  return()
endif()
if(NOT TARGET saddle::plugin_api)
  add_library(saddle::plugin_api INTERFACE IMPORTED)
  set_target_properties(saddle::plugin_api PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${_include}")
endif()
unset(_include)
include("${CMAKE_CURRENT_LIST_DIR}/SaddlePlugin.cmake")
