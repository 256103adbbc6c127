#include <saddle/abi.h>
/* A translation unit must hold something. */
extern const int saddle_header_compiles;
