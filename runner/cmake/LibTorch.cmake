# LibTorch as two imported targets of our own: saddle::torch_cpu and saddle::c10.
# find_package(Torch) would drag in the CUDA toolkit, which the CPU part does not need.
# Set LIBTORCH (cache variable or environment) to a folder with include/ and lib/.
set(_default $ENV{LIBTORCH})
if(NOT _default)
  set(_default ${CMAKE_SOURCE_DIR}/.deps/libtorch-2.11.0)
endif()
set(LIBTORCH ${_default} CACHE PATH "LibTorch folder with include/ and lib/")
if(NOT EXISTS ${LIBTORCH}/include/torch/csrc/autograd/autograd.h OR NOT EXISTS ${LIBTORCH}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "no LibTorch in ${LIBTORCH} (looked for include/torch/csrc/autograd/autograd.h and "
    "lib/libtorch_cpu.so). Run ./saddle build, which fetches it, or set LIBTORCH to yours.")
endif()
foreach(_lib c10 torch_cpu)
  add_library(saddle::${_lib} SHARED IMPORTED GLOBAL)
  set_target_properties(saddle::${_lib} PROPERTIES IMPORTED_LOCATION ${LIBTORCH}/lib/lib${_lib}.so)
  target_include_directories(saddle::${_lib} SYSTEM INTERFACE
    ${LIBTORCH}/include ${LIBTORCH}/include/torch/csrc/api/include)
endforeach()
# --no-as-needed: operators register themselves when the library is loaded, so it
# must stay in the list of needed libraries even where no symbol of it is used.
target_link_libraries(saddle::torch_cpu INTERFACE saddle::c10)
add_library(saddle_torch INTERFACE)
target_link_libraries(saddle_torch INTERFACE -Wl,--no-as-needed saddle::torch_cpu saddle::c10 -Wl,--as-needed)
target_link_options(saddle_torch INTERFACE -Wl,-rpath,${LIBTORCH}/lib -Wl,-rpath-link,${LIBTORCH}/lib)
