/* real — the type of parameters and activations: float, or double in the build that tests
 * compile a second time (-DREAL_DOUBLE) for finite differences. Same code, same layout. */
#ifndef TENSOR_REAL_H
#define TENSOR_REAL_H

#ifdef REAL_DOUBLE
typedef double real;
#else
typedef float real;
#endif

#endif
