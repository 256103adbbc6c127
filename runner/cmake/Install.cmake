# `cmake --install build --prefix X`: the programs, the bundled plugins, the headers, templates and the CMake
# package for writing plugins, and the data sets that are there. LibTorch stays where it is: the worker's run path names it.
include(CMakePackageConfigHelpers)

# The plugins of a folder and of those below it.
function(_saddle_plugin_targets folder result)
  get_directory_property(folders DIRECTORY ${folder} SUBDIRECTORIES)
  get_directory_property(targets DIRECTORY ${folder} BUILDSYSTEM_TARGETS)
  set(found)
  foreach(target ${targets})
    get_target_property(type ${target} TYPE)
    if(type STREQUAL MODULE_LIBRARY)
      list(APPEND found ${target})
    endif()
  endforeach()
  foreach(below ${folders})
    _saddle_plugin_targets(${below} more)
    list(APPEND found ${more})
  endforeach()
  set(${result} ${found} PARENT_SCOPE)
endfunction()

install(TARGETS saddle saddle-worker RUNTIME DESTINATION bin)
_saddle_plugin_targets(${PROJECT_SOURCE_DIR}/plugins plugins)
install(TARGETS ${plugins} LIBRARY DESTINATION ${SADDLE_PLUGIN_INSTALL_DIR})
install(DIRECTORY plugin-api/include/saddle DESTINATION include)
install(DIRECTORY plugin-api/cmake/ DESTINATION lib/cmake/SaddlePlugin)
install(DIRECTORY plugin-api/template DESTINATION share/saddle USE_SOURCE_PERMISSIONS)
install(FILES plugin-api/README.md plugin-api/ABI.md plugin-api/CHANGELOG.md DESTINATION share/doc/saddle)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/SaddlePluginConfigVersion.cmake
  COMPATIBILITY SameMajorVersion ARCH_INDEPENDENT)
install(FILES ${CMAKE_BINARY_DIR}/SaddlePluginConfigVersion.cmake DESTINATION lib/cmake/SaddlePlugin)
install(DIRECTORY .deps/data/ DESTINATION share/saddle/data OPTIONAL)
install(FILES LICENSE DESTINATION share/doc/saddle)
